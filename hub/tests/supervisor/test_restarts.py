from __future__ import annotations

from collections.abc import Callable

import pytest

from lumina_hub.supervisor.restarts import Pace, RestartPolicy

PACE = Pace(first_backoff_s=1, last_backoff_s=8, crashes=4, crash_window_s=100, steady_s=60)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def policy(clock: Clock, jitter: Callable[[], float] = lambda: 0.5) -> RestartPolicy:
    return RestartPolicy(PACE, now=clock, jitter=jitter)


def test_the_pause_doubles_up_to_a_bound(clock: Clock) -> None:
    restarts = policy(clock)
    pauses = []
    for _ in range(6):
        clock.now_s += 50
        pauses.append(restarts.after(1))

    assert pauses == [1, 2, 4, 8, 8, 8]


def test_modules_that_fell_together_do_not_rise_together(clock: Clock) -> None:
    pauses = {policy(clock, lambda share=share: share).after(1) for share in (0.0, 0.5, 0.999)}  # type: ignore[misc]

    assert len(pauses) == 3
    assert all(pause is not None and 0.75 <= pause < 1.25 for pause in pauses)


def test_too_many_ends_in_too_short_a_time_are_a_crash_loop(clock: Clock) -> None:
    restarts = policy(clock)

    assert [restarts.after(1) for _ in range(4)] == [1, 2, 4, None]


def test_the_same_ends_spread_out_are_none(clock: Clock) -> None:
    restarts = policy(clock)
    for _ in range(10):
        clock.now_s += 34
        assert restarts.after(1) is not None


def test_a_process_that_lived_long_is_started_as_if_it_had_never_failed(clock: Clock) -> None:
    restarts = policy(clock)
    for _ in range(3):
        restarts.after(1)
    clock.now_s += 60

    assert restarts.after(60) == 1


def test_a_restart_that_was_asked_for_begins_anew(clock: Clock) -> None:
    restarts = policy(clock)
    for _ in range(4):
        restarts.after(1)
    restarts.forget()

    assert restarts.after(1) == 1
