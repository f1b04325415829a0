from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.json import encode

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import Conflict, NotFound, QuotaFull
from lumina_core.storage.values import ValueStore


@pytest.fixture
def values(redis: RedisClient, clock: Any) -> ValueStore:
    return ValueStore(redis, quota_bytes=100, now=clock)


async def test_a_value_is_kept_as_it_is_with_a_version_that_grows(values: ValueStore) -> None:
    await values.put("almanac", "k", {"a": [1, 2.5, None, "ü"]})
    await values.put("almanac", "k", [])

    held = await values.get("almanac", "k")
    assert (held.value, held.version, held.expires_at) == ([], 2, None)


async def test_nobody_elses_value_is_there(values: ValueStore) -> None:
    await values.put("almanac", "k", 1)

    for read in (values.get("other", "k"), values.delete("other", "k")):
        with pytest.raises(NotFound):
            await read
    assert await values.keys("other") == ([], None)


async def test_a_value_is_replaced_only_in_the_version_named(values: ValueStore) -> None:
    await values.put("almanac", "k", 1, if_version=0)
    with pytest.raises(Conflict, match="version 1, not version 0"):
        await values.put("almanac", "k", 2, if_version=0)
    await values.put("almanac", "k", 2, if_version=1)
    await values.delete("almanac", "k")
    with pytest.raises(Conflict, match="nothing"):
        await values.put("almanac", "k", 3, if_version=2)


async def test_a_value_is_forgotten_when_its_time_ends(values: ValueStore, clock: Any) -> None:
    await values.put("almanac", "k", "x" * 60, ttl_s=10)
    with pytest.raises(QuotaFull, match="of 100 bytes"):
        await values.put("almanac", "other", "x" * 60)
    clock.s += 10

    with pytest.raises(NotFound):
        await values.get("almanac", "k")
    await values.put("almanac", "other", "x" * 60)
    assert await values.keys("almanac") == (["other"], None)


async def test_keys_are_listed_by_prefix_page_by_page(values: ValueStore) -> None:
    for key in ("b1", "a", "b3", "b2", "c"):
        await values.put("almanac", key, 1)

    page, after = await values.keys("almanac", prefix="b", limit=2)
    assert (page, after) == (["b1", "b2"], "b2")
    assert await values.keys("almanac", prefix="b", limit=2, after=after) == (["b3"], None)
    assert (await values.keys("almanac"))[0] == ["a", "b1", "b2", "b3", "c"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.text(max_size=60)), st.sampled_from([None, 5])),
        max_size=15,
    )
)
async def test_the_quota_counts_what_is_there_and_nothing_else(
    values: ValueStore, redis: RedisClient, clock: Any, steps: list[tuple[str, str | None, float | None]]
) -> None:
    await values.clear("almanac")
    for key, value, ttl_s in steps:
        clock.s += 1
        try:
            if value is None:
                await values.delete("almanac", key)
            else:
                await values.put("almanac", key, value, ttl_s=ttl_s)
        except (QuotaFull, NotFound):
            pass
        keys, _ = await values.keys("almanac")
        held = [await values.get("almanac", key) for key in keys]
        size = sum(len(encode(one.value)) + len(one.key) for one in held)
        assert size == int(await redis.get("values:bytes:almanac") or 0) <= 100
