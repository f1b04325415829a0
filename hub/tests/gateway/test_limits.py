from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumina_hub.gateway.limits import RateLimit

from .conftest import Clock


def test_a_minutes_calls_may_come_at_once_and_then_one_by_one(clock: Clock) -> None:
    limit = RateLimit(60, clock)

    assert [limit.take("ada") for _ in range(60)] == [0.0] * 60
    assert limit.take("ada") == 1.0
    clock.now_s += 1
    assert limit.take("ada") == 0
    assert limit.take("ada") > 0


def test_principals_do_not_share(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    limit.take("ada")

    assert limit.take("ada") > 0
    assert limit.take("grace") == 0


def test_many_principals_take_no_more_room_than_few(clock: Clock) -> None:
    limit = RateLimit(1, clock)
    for number in range(10_050):
        limit.take(str(number))

    assert len(limit._buckets) == 10_000


@given(st.integers(1, 50), st.lists(st.floats(0, 30), max_size=60))
def test_never_more_than_the_bucket_and_what_flowed_in(per_min: int, pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_min, clock)
    began, let_in = clock.now_s, 0
    for pause in pauses:
        clock.now_s += pause
        let_in += limit.take("ada") == 0

    assert let_in <= per_min + (clock.now_s - began) * per_min / 60 + 1e-6
