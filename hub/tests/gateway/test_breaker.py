from __future__ import annotations

import pytest

from lumina_hub.gateway.breaker import Breaker

from .conftest import Clock


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def open_it(breaker: Breaker) -> None:
    for _ in range(5):
        assert breaker.admit() == 0
        breaker.failed()


def test_it_opens_after_five_failures_in_a_row(breaker: Breaker) -> None:
    told = []
    for _ in range(5):
        assert breaker.admit() == 0
        told.append(breaker.failed())

    assert told == [False] * 4 + [True]
    assert breaker.admit() == 1.0


def test_a_success_between_failures_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(4):
        breaker.failed()
    breaker.succeeded()
    for _ in range(4):
        breaker.failed()

    assert breaker.admit() == 0


def test_after_the_pause_one_call_is_let_through(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now_s += 1

    assert breaker.admit() == 0
    assert breaker.admit() > 0


def test_its_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now_s += 1
    breaker.admit()
    breaker.succeeded()

    assert breaker.is_closed
    assert breaker.admit() == 0


def test_each_failure_doubles_the_pause_up_to_half_a_minute(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    pauses = []
    for _ in range(7):
        pauses.append(breaker.admit())
        clock.now_s += pauses[-1]
        assert breaker.admit() == 0
        breaker.failed()

    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_caller_who_went_away_decides_nothing(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.now_s += 1
    breaker.admit()
    breaker.abandoned()

    assert not breaker.is_closed
    assert breaker.admit() == 0


def test_a_late_success_of_a_call_from_before_does_not_close_it(breaker: Breaker) -> None:
    open_it(breaker)
    breaker.succeeded()

    assert not breaker.is_closed
