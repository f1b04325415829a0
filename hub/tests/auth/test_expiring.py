from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumina_hub.auth.expiring import ExpiringMap

STEPS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, 3)), max_size=60)


@given(STEPS)
def test_it_holds_what_was_put_last_until_its_time_is_over_and_never_too_much(
    steps: list[tuple[int, int, int]],
) -> None:
    now = 0.0
    kept: ExpiringMap[int, int] = ExpiringMap(4, lambda: now)
    newest: dict[int, tuple[float, int]] = {}
    for number, (key, for_s, wait_s) in enumerate(steps):
        kept.put(key, number, for_s=for_s)
        newest[key] = (now + for_s, number)
        now += wait_s
        assert len(kept) <= 4
        for each, (until, value) in newest.items():
            found = kept.get(each)
            assert found is None or (found == value and now < until)
    assert all(kept.get(key) == value for key, (until, value) in list(newest.items())[-1:] if now < until)


def test_the_first_one_put_in_goes_first() -> None:
    kept: ExpiringMap[str, int] = ExpiringMap(2, lambda: 0.0)

    for key in ("a", "b", "a", "c"):
        kept.put(key, 1, for_s=1)

    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 1)
