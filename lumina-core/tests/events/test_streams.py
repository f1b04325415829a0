from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import Conflict, InvalidInput, NotFound
from lumina_core.events.event import Event
from lumina_core.events.streams import Delivery, EventStreams, Failure, Reader

BOUND_S = 30
GRAPH_ADD = "graph:add"
CRAWLER = Reader("module:crawler")
PLANNER = Reader("module:planner")


def event(id: str, stream: str = GRAPH_ADD, **data: Any) -> Event:
    return Event(id, stream, 1.5, source="module:crawler", data=data)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.event.id for delivery in deliveries]


async def all_dead(streams: EventStreams, owner: str) -> list[tuple[str, str]]:
    letters, _ = await streams.dead_letters(owner, is_wanted=lambda stream: True, limit=1000)
    return [(letter.event.id, letter.reason) for letter in letters]


async def test_every_group_is_given_every_event_and_each_reader_of_a_group_another(streams: EventStreams) -> None:
    for reader in (CRAWLER, PLANNER):
        assert await streams.read(reader, [GRAPH_ADD]) == []
    await streams.publish([event("a", title="Alabama"), event("b")])

    one = await streams.read(CRAWLER, [GRAPH_ADD], consumer="one", limit=1)
    other = await streams.read(CRAWLER, [GRAPH_ADD], consumer="other", limit=5)

    assert (ids(one), ids(other)) == (["a"], ["b"])
    assert one[0].event == event("a", title="Alabama")
    assert one[0].event.type == "GRAPH_ADD"
    assert ids(await streams.read(PLANNER, [GRAPH_ADD])) == ["a", "b"]


async def test_a_new_group_begins_with_what_comes_or_from_the_start(streams: EventStreams) -> None:
    await streams.publish([event("old")])

    assert await streams.read(CRAWLER, [GRAPH_ADD]) == []
    assert ids(await streams.read(Reader("module:crawler", "again"), [GRAPH_ADD], from_start=True)) == ["old"]


async def test_an_event_is_published_once_however_often_it_is_sent(streams: EventStreams, redis: RedisClient) -> None:
    await streams.publish([event("a"), event("a"), event("b")])
    await streams.publish([event("a")])

    assert await redis.xlen(GRAPH_ADD) == 2
    await streams.publish([Event("a", GRAPH_ADD, 2.0, source="module:other")])
    assert await redis.xlen(GRAPH_ADD) == 3


async def test_what_a_person_adds_with_redis_cli_is_an_event(streams: EventStreams, redis: RedisClient) -> None:
    await streams.read(CRAWLER, ["crawl:req"])
    entry = await redis.xadd("crawl:req", {"url": "Alabama", "prio": "1.0"})

    (given,) = await streams.read(CRAWLER, ["crawl:req"])

    assert given.event.data == {"url": "Alabama", "prio": "1.0"}
    assert (given.event.id, given.event.source, given.event.type) == (f"crawl:req:{entry}", "redis", "CRAWL_REQ")


async def test_what_is_done_is_not_given_again(streams: EventStreams, clock: Any) -> None:
    await streams.publish([event("a")])
    (given,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True, lease_s=10)

    assert (await streams.settle(CRAWLER, done=[given.receipt])).done == 1
    assert (await streams.settle(CRAWLER, done=[given.receipt])).unknown == (given.receipt,)
    clock.s += 100
    assert await streams.read(CRAWLER, [GRAPH_ADD]) == []


async def test_what_a_crashed_reader_held_is_given_out_again(streams: EventStreams, clock: Any) -> None:
    await streams.publish([event("a")])
    (first,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True, lease_s=10)
    assert await streams.read(CRAWLER, [GRAPH_ADD]) == []
    clock.s += 10

    (second,) = await streams.read(CRAWLER, [GRAPH_ADD], lease_s=10)

    assert (second.event, second.attempt) == (first.event, 2)
    assert (await streams.settle(CRAWLER, done=[first.receipt])).unknown == (first.receipt,)
    assert (await streams.settle(CRAWLER, done=[second.receipt])).done == 1


async def test_a_failure_is_tried_again_when_it_asked_to_be(streams: EventStreams, clock: Any) -> None:
    await streams.publish([event("a")])
    (given,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True)

    settled = await streams.settle(CRAWLER, failed=[Failure(given.receipt, "no room", retry_after_s=30)])

    assert settled.retried == 1
    assert await streams.read(CRAWLER, [GRAPH_ADD]) == []
    clock.s += 30
    assert [delivery.attempt for delivery in await streams.read(CRAWLER, [GRAPH_ADD])] == [2]


@pytest.mark.parametrize("how", ["gives up", "fails", "crashes"])
async def test_what_cannot_be_handled_becomes_a_dead_letter(streams: EventStreams, clock: Any, how: str) -> None:
    await streams.publish([event("a", title="Alabama")])
    for _ in range(1 if how == "gives up" else 3):
        (given,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True, lease_s=10)
        if how == "crashes":
            clock.s += 10
        else:
            await streams.settle(CRAWLER, failed=[Failure(given.receipt, "broken", give_up=how == "gives up")])

    assert await streams.read(CRAWLER, [GRAPH_ADD]) == []
    reason = "it was given out 3 times and never settled" if how == "crashes" else "broken"
    assert await all_dead(streams, "module:crawler") == [("a", reason)]
    (count,) = [count for count in await streams.counts(CRAWLER) if count.name == GRAPH_ADD]
    assert (count.length, count.pending, count.dead) == (1, 0, 1)


async def test_a_dead_letter_is_delivered_again_to_its_own_group_only(
    streams: EventStreams, redis: RedisClient
) -> None:
    await streams.read(PLANNER, [GRAPH_ADD])
    await streams.publish([event("a", title="Alabama")])
    await streams.settle(PLANNER, done=[given.receipt for given in await streams.read(PLANNER, [GRAPH_ADD])])
    reader = Reader("module:crawler", "pages")
    (given,) = await streams.read(reader, [GRAPH_ADD], from_start=True)
    await streams.settle(reader, failed=[Failure(given.receipt, "broken", give_up=True)])
    await redis.xtrim(GRAPH_ADD, maxlen=0, approximate=False)
    (letter,), _ = await streams.dead_letters("module:crawler", is_wanted=lambda stream: True, limit=5)

    assert await streams.replay("module:crawler", [letter.id, "1-1"], check=lambda stream: None) == (1, ["1-1"])

    (again,) = await streams.read(reader, [GRAPH_ADD])
    assert (again.event.data, again.attempt) == ({"title": "Alabama"}, 1)
    assert await streams.read(PLANNER, [GRAPH_ADD]) == []
    assert (await streams.settle(reader, done=[again.receipt])).done == 1
    assert await all_dead(streams, "module:crawler") == []


async def test_dead_letters_are_listed_page_by_page_and_nobody_elses(streams: EventStreams) -> None:
    await streams.publish([event(str(number), stream=GRAPH_ADD if number % 2 else "gap:req") for number in range(7)])
    given = await streams.read(CRAWLER, [GRAPH_ADD, "gap:req"], from_start=True, limit=20)
    await streams.settle(CRAWLER, failed=[Failure(one.receipt, "no", give_up=True) for one in given])

    seen: list[str] = []
    before = None
    while True:
        page, before = await streams.dead_letters(
            "module:crawler", is_wanted=lambda stream: stream == "gap:req", limit=2, before=before
        )
        seen += [letter.event.id for letter in page]
        if before is None:
            break

    assert sorted(seen) == ["0", "2", "4", "6"]
    assert await all_dead(streams, "module:planner") == []


async def test_a_waiting_reader_is_woken_by_what_arrives(streams: EventStreams, redis: RedisClient) -> None:
    async with asyncio.timeout(BOUND_S):
        waiting = asyncio.create_task(streams.read(CRAWLER, [GRAPH_ADD, "gap:req"], wait_s=BOUND_S * 10))
        while not await redis.exists("gap:req"):  # noqa: ASYNC110 - its group is there: it waits
            await asyncio.sleep(0)
        await streams.publish([event("a", stream="gap:req")])

        assert ids(await waiting) == ["a"]


async def test_a_waiting_reader_is_woken_by_a_replay(streams: EventStreams, redis: RedisClient) -> None:
    await streams.publish([event("a")])
    (given,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True)
    await streams.settle(CRAWLER, failed=[Failure(given.receipt, "no", give_up=True)])
    (letter,), _ = await streams.dead_letters("module:crawler", is_wanted=lambda stream: True, limit=5)
    async with asyncio.timeout(BOUND_S):
        waiting = asyncio.create_task(streams.read(CRAWLER, [GRAPH_ADD, "gap:req"], wait_s=BOUND_S * 10))
        while not await redis.exists("gap:req"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        await streams.replay("module:crawler", [letter.id], check=lambda stream: None)

        assert ids(await waiting) == ["a"]


async def test_a_stream_keeps_its_last_events_and_what_a_group_still_needs(
    streams: EventStreams, redis: RedisClient
) -> None:
    await streams.read(CRAWLER, [GRAPH_ADD])
    for number in range(30):
        await streams.publish([event(str(number))])
    assert await redis.xlen(GRAPH_ADD) == 30  # nobody has handled them

    given = await streams.read(CRAWLER, [GRAPH_ADD], limit=30)
    assert ids(given) == [str(number) for number in range(30)]
    await streams.settle(CRAWLER, done=[delivery.receipt for delivery in given])
    for number in range(30, 40):
        await streams.publish([event(str(number))])
    assert await redis.xlen(GRAPH_ADD) <= 30

    for number in range(40, 200):
        await streams.publish([event(str(number))])
    assert await redis.xlen(GRAPH_ADD) <= 42


async def test_what_was_dropped_before_it_was_handled_is_told_by_a_dead_letter(
    streams: EventStreams, redis: RedisClient, clock: Any
) -> None:
    await streams.publish([event("a")])
    await streams.read(CRAWLER, [GRAPH_ADD], from_start=True, lease_s=10)
    await redis.xtrim(GRAPH_ADD, maxlen=0, approximate=False)
    clock.s += 10

    assert await streams.read(CRAWLER, [GRAPH_ADD]) == []
    ((_, reason),) = await all_dead(streams, "module:crawler")
    assert reason == "the stream had to drop it before it was handled"


async def test_what_is_no_receipt_settles_nothing(streams: EventStreams) -> None:
    await streams.publish([event("a")])
    (given,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True)

    with pytest.raises(InvalidInput, match="receipt"):
        await streams.settle(CRAWLER, done=[given.receipt, "nonsense"])

    assert (await streams.settle(CRAWLER, done=[given.receipt])).done == 1
    assert (await streams.settle(PLANNER, done=["gap:req/1-1/1"])).unknown == ("gap:req/1-1/1",)


async def test_a_replay_that_may_not_see_a_stream_delivers_nothing(streams: EventStreams) -> None:
    await streams.publish([event("a")])
    (given,) = await streams.read(CRAWLER, [GRAPH_ADD], from_start=True)
    await streams.settle(CRAWLER, failed=[Failure(given.receipt, "no", give_up=True)])
    (letter,), _ = await streams.dead_letters("module:crawler", is_wanted=lambda stream: True, limit=5)

    def refuse(stream: str) -> None:
        raise NotFound(stream)

    with pytest.raises(NotFound):
        await streams.replay("module:crawler", [letter.id], check=refuse)
    assert await all_dead(streams, "module:crawler") == [("a", "no")]


async def test_a_key_that_is_no_stream_is_named(streams: EventStreams, redis: RedisClient) -> None:
    await redis.set("stream:almanac:tick", "something else")

    with pytest.raises(Conflict):
        await streams.publish([event("a", stream="almanac:tick")])


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 3)),
        st.tuples(st.just("read"), st.integers(1, 3), st.sampled_from([5, 20])),
        st.tuples(st.just("done"), st.integers(0, 9)),
        st.tuples(st.just("fail"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("replay"), st.integers(0, 3)),
        st.tuples(st.just("pass"), st.sampled_from([1, 10])),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_every_event_is_handled_or_becomes_a_dead_letter(
    streams: EventStreams, redis: RedisClient, clock: Any, steps: list[tuple[Any, ...]]
) -> None:
    """Whatever readers do, and however often they crash: nothing is lost, and nothing is handled by two."""
    await redis.flushall()
    await streams.read(CRAWLER, [GRAPH_ADD])
    published = 0
    handled: list[str] = []
    given: list[Delivery] = []
    for step, *arguments in steps:
        if step == "publish":
            new = range(published, published + arguments[0])
            await streams.publish([event(str(number)) for number in new])
            published += arguments[0]
        elif step == "read":
            given += await streams.read(CRAWLER, [GRAPH_ADD], limit=arguments[0], lease_s=arguments[1])
        elif step == "pass":
            clock.s += arguments[0]
        elif step == "replay":
            letters, _ = await streams.dead_letters("module:crawler", is_wanted=lambda stream: True, limit=99)
            chosen = [letter.id for letter in letters[: arguments[0]]]
            await streams.replay("module:crawler", chosen, check=lambda stream: None)
        elif given:
            delivery = given[arguments[0] % len(given)]
            if step == "done":
                settled = await streams.settle(CRAWLER, done=[delivery.receipt])
                handled += [delivery.event.id] * settled.done
            else:
                await streams.settle(CRAWLER, failed=[Failure(delivery.receipt, "no", give_up=arguments[1])])
    while True:
        clock.s += 1000
        rest = await streams.read(CRAWLER, [GRAPH_ADD], limit=100)
        if not rest:
            break
        settled = await streams.settle(CRAWLER, done=[delivery.receipt for delivery in rest])
        assert settled.done == len(rest)
        handled += ids(rest)
    dead = [id for id, _ in await all_dead(streams, "module:crawler")]
    assert sorted(handled + dead, key=int) == [str(number) for number in range(published)]
