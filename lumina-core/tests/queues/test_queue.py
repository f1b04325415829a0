from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import Conflict
from lumina_core.queues.queue import CRAWL_QUEUE, WorkQueues

BOUND_S = 30


async def test_what_a_person_types_into_redis_is_taken_most_urgent_first(
    queues: WorkQueues, redis: RedisClient
) -> None:
    await redis.zadd(CRAWL_QUEUE, {"Artificial_intelligence": 0, "Zebra": -1, "Ant": 5})

    taken = await queues.take(CRAWL_QUEUE, limit=2)

    assert [(item.item, item.priority, item.attempt) for item in taken] == [
        ("Zebra", -1, 1),
        ("Artificial_intelligence", 0, 1),
    ]
    assert await redis.zrange(CRAWL_QUEUE, 0, -1) == ["Ant"]


async def test_adding_is_a_zadd_that_a_person_can_read(queues: WorkQueues, redis: RedisClient) -> None:
    assert await queues.add(CRAWL_QUEUE, {"a": 1, "b": 2}) == (2, 2)
    assert await queues.add(CRAWL_QUEUE, {"a": 9, "c": 3}, keep_priority=True) == (1, 3)
    assert await queues.add(CRAWL_QUEUE, {"b": 0}) == (0, 3)

    held: Any = await redis.zrange(CRAWL_QUEUE, 0, -1, withscores=True)
    assert held == [("b", 0), ("a", 1), ("c", 3)]


async def test_a_modules_queue_cannot_meet_a_key_of_lumina(queues: WorkQueues, redis: RedisClient) -> None:
    await redis.set("chat:cursor", "ours")

    assert await queues.add("chat:cursor", {"a": 1}) == (1, 1)

    assert await redis.get("chat:cursor") == "ours"
    assert "chat:cursor" in [count.name for count in await queues.counts()]


async def test_what_is_settled_is_gone_and_what_comes_back_keeps_its_priority(queues: WorkQueues) -> None:
    await queues.add(CRAWL_QUEUE, {"a": 1, "b": 2})
    one, other = await queues.take(CRAWL_QUEUE, limit=2)

    settled = await queues.settle(CRAWL_QUEUE, done=[one.receipt], back=[other.receipt])

    assert (settled.done, settled.back, settled.unknown) == ((one.receipt,), (other.receipt,), ())
    assert await queues.waiting(CRAWL_QUEUE, 10) == ([("b", 2.0)], 1)
    assert (await queues.settle(CRAWL_QUEUE, done=[one.receipt])).unknown == (one.receipt,)


async def test_what_a_crashed_worker_held_comes_back_when_its_lease_ends(queues: WorkQueues, clock: Any) -> None:
    await queues.add(CRAWL_QUEUE, {"a": 1})
    (first,) = await queues.take(CRAWL_QUEUE, lease_s=60)
    assert await queues.take(CRAWL_QUEUE) == []

    clock.s += 60
    (second,) = await queues.take(CRAWL_QUEUE, lease_s=60)

    assert (second.item, second.priority, second.attempt) == ("a", 1.0, 2)
    assert (await queues.settle(CRAWL_QUEUE, done=[first.receipt])).unknown == (first.receipt,)
    assert (await queues.settle(CRAWL_QUEUE, done=[second.receipt])).done == (second.receipt,)


async def test_a_receipt_whose_lease_ended_counts_no_more(queues: WorkQueues, clock: Any) -> None:
    await queues.add(CRAWL_QUEUE, {"a": 1})
    (taken,) = await queues.take(CRAWL_QUEUE, lease_s=5)
    clock.s += 5

    assert (await queues.settle(CRAWL_QUEUE, done=[taken.receipt])).unknown == (taken.receipt,)
    assert await queues.waiting(CRAWL_QUEUE, 10) == ([("a", 1.0)], 1)


async def test_what_is_added_again_while_it_is_held_waits_for_its_turn(queues: WorkQueues) -> None:
    await queues.add(CRAWL_QUEUE, {"a": 1})
    (held,) = await queues.take(CRAWL_QUEUE)
    await queues.add(CRAWL_QUEUE, {"a": 0, "b": 5})

    assert [item.item for item in await queues.take(CRAWL_QUEUE, limit=5)] == ["b"]
    await queues.settle(CRAWL_QUEUE, done=[held.receipt])
    assert [item.item for item in await queues.take(CRAWL_QUEUE, limit=5)] == ["a"]


async def test_a_waiting_worker_is_woken_by_what_a_person_types(queues: WorkQueues, redis: RedisClient) -> None:
    async with asyncio.timeout(BOUND_S):
        waiting = asyncio.create_task(queues.take(CRAWL_QUEUE, wait_s=BOUND_S * 10))
        listening = f"__keyspace@0__:{CRAWL_QUEUE}"
        while await redis.pubsub_numsub(listening) != [(listening, 1)]:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0)
        await redis.zadd(CRAWL_QUEUE, {"Artificial_intelligence": 0})

        assert [item.item for item in await waiting] == ["Artificial_intelligence"]


async def test_nobody_waits_once_the_hub_stops(queues: WorkQueues, arrivals: Any) -> None:
    async with asyncio.timeout(BOUND_S):
        waiting = asyncio.create_task(queues.take(CRAWL_QUEUE, wait_s=BOUND_S * 10))
        await asyncio.sleep(0)
        arrivals.release()

        assert await waiting == []


async def test_a_key_that_is_no_queue_is_named(queues: WorkQueues, redis: RedisClient) -> None:
    await redis.set(CRAWL_QUEUE, "something else")

    with pytest.raises(Conflict, match="crawl:queue"):
        await queues.add(CRAWL_QUEUE, {"a": 1})


async def test_a_priority_without_end_can_be_said_in_json(queues: WorkQueues, redis: RedisClient) -> None:
    await redis.execute_command("ZADD", CRAWL_QUEUE, "-inf", "now")

    (taken,) = await queues.take(CRAWL_QUEUE)

    assert (taken.item, taken.priority) == ("now", -1.7976931348623157e308)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abcd"), st.integers(-3, 3)),
        st.tuples(st.just("take"), st.integers(1, 3), st.sampled_from([5, 20])),
        st.tuples(st.just("done"), st.integers(0, 5)),
        st.tuples(st.just("back"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.sampled_from([1, 10])),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_nothing_is_lost_and_nothing_is_held_twice(
    queues: WorkQueues, redis: RedisClient, clock: Any, steps: list[tuple[Any, ...]]
) -> None:
    """Every item that was added and not settled waits or is held; of one that is held nobody else is given."""
    await redis.flushall()
    alive: set[str] = set()
    held: dict[str, tuple[str, float]] = {}  # receipt to item and the end of its lease
    readded: set[str] = set()
    seen: list[str] = []
    for step, *arguments in steps:
        now = clock.s
        if step == "add":
            await queues.add(CRAWL_QUEUE, {arguments[0]: arguments[1]})
            alive.add(arguments[0])
            if arguments[0] in {item for item, end in held.values() if end > now}:
                readded.add(arguments[0])
        elif step == "take":
            busy = {item for item, end in held.values() if end > now}
            for taken in await queues.take(CRAWL_QUEUE, limit=arguments[0], lease_s=arguments[1]):
                assert taken.item in alive
                assert taken.item not in busy
                busy.add(taken.item)
                held[taken.receipt] = (taken.item, taken.lease_until)
                readded.discard(taken.item)
                seen.append(taken.receipt)
        elif step == "pass":
            clock.s += arguments[0]
        elif seen:
            receipt = seen[arguments[0] % len(seen)]
            item, end = held.pop(receipt, ("", 0.0))
            settled = await queues.settle(CRAWL_QUEUE, **{step: [receipt]})
            assert (receipt in settled.unknown) == (end <= now)
            if end > now and step == "done" and item not in readded:
                alive.discard(item)
            readded.discard(item)
    clock.s += 1000
    left = await queues.take(CRAWL_QUEUE, limit=100)
    assert {taken.item for taken in left} == alive
