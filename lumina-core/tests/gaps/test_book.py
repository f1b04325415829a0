from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.errors import Conflict, NotFound, RedisDown
from lumina_core.events.event import decode_event
from lumina_core.events.streams import EventStreams
from lumina_core.gaps.book import GapBook
from lumina_core.gaps.records import Gap, GapReason, GapState, decode_gap, encode_gap
from lumina_core.graph.log import GraphLog

BOARD = "gaps:topics"
STATES = list(GapState)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[GraphLog]:
    with GraphLog.open(tmp_path / "graphs") as opened:
        yield opened


@pytest.fixture
async def book(log: GraphLog, redis: RedisClient, arrivals: Arrivals, clock: Any) -> GapBook:
    return await GapBook.open(log, redis, EventStreams(redis, arrivals, now=clock), now=clock)


async def board(redis: RedisClient) -> list[tuple[str, float]]:
    found: Any = await redis.zrange(BOARD, 0, -1, withscores=True)
    return [(topic, score) for topic, score in found]


async def everything(redis: RedisClient) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for key in sorted(await redis.keys("gaps:*")):
        kind = await redis.type(key)
        if kind == "hash":
            held[key] = await redis.hgetall(key)
        elif kind == "zset":
            held[key] = await redis.zrange(key, 0, -1, withscores=True)
    return held


async def test_a_gap_is_opened_told_of_and_put_on_the_board(book: GapBook, redis: RedisClient, clock: Any) -> None:
    gap, is_new = await book.report("Who built it?", by="module:x", topics=["Alhambra", " "], confidence=0.5, turn="t")

    assert is_new
    assert (gap.state, gap.topics, gap.priority, gap.opened_at) == (GapState.OPEN, ("Alhambra",), 0.75, clock.s)
    assert await book.get(gap.id) == gap
    assert await board(redis) == [("Alhambra", -0.75)]
    entries: Any = await redis.xrange("gap:req")
    ((entry, fields),) = entries
    told = decode_event("gap:req", entry, fields)
    assert (told.type, told.cause) == ("GAP_REQ", "t")
    assert told.data == {"gap": gap.id, "question": "Who built it?", "reason": "reported", "topics": ["Alhambra"]}


async def test_the_same_question_is_met_again_while_it_is_alive(book: GapBook, redis: RedisClient) -> None:
    gap, _ = await book.report("Who built it?", by="a")
    again, is_new = await book.report("  who built IT ", by="b", topics=["Alhambra"])

    assert (again.id, again.seen, again.topics, is_new) == (gap.id, 2, ("Alhambra",), False)
    assert await board(redis) == [("Alhambra", -2.0)]
    assert await redis.xlen("gap:req") == 1

    await book.step(gap.id, GapState.UNFILLABLE, by="a")
    other, is_new = await book.report("Who built it?", by="a")
    assert is_new
    assert other.id != gap.id


async def test_the_board_holds_what_nobody_reads_for_yet(book: GapBook, redis: RedisClient) -> None:
    one, _ = await book.report("one", by="a", topics=["Shared", "Own"])
    other, _ = await book.report("other", by="a", topics=["Shared"], confidence=0.9)
    assert await board(redis) == [("Own", -1.0), ("Shared", -1.0)]

    await book.step(one.id, GapState.QUEUED, by="planner")
    assert await board(redis) == [("Shared", -0.55)]
    await book.step(other.id, GapState.CLOSED, by="reflection", turn="t")
    assert await board(redis) == []
    await book.step(one.id, GapState.OPEN, by="reflection", note="the page says nothing of it")
    assert await board(redis) == [("Own", -1.0), ("Shared", -1.0)]


async def test_what_a_planner_took_from_the_board_stays_taken(book: GapBook, redis: RedisClient) -> None:
    one, _ = await book.report("one", by="a", topics=["Shared"])
    other, _ = await book.report("other", by="a", topics=["Shared"])
    await redis.zpopmin(BOARD)

    await book.step(one.id, GapState.QUEUED, by="planner")

    assert await board(redis) == []
    assert (await book.get(other.id)).state is GapState.OPEN


async def test_a_whole_life_is_kept_with_who_did_what(book: GapBook, clock: Any) -> None:
    gap, _ = await book.report("q", by="hub")
    for state in (GapState.QUEUED, GapState.CRAWLED, GapState.INDEXED, GapState.CLOSED):
        clock.s += 1
        gap = await book.step(gap.id, state, by=f"does {state}", articles=["art_1"], turn="chat_x")

    assert (gap.state, gap.closing_turn, gap.articles) == (GapState.CLOSED, "chat_x", ("art_1",))
    assert [(step.state, step.by) for step in gap.history[1:]] == [
        (state, f"does {state}") for state in (GapState.QUEUED, GapState.CRAWLED, GapState.INDEXED, GapState.CLOSED)
    ]
    assert await book.step(gap.id, GapState.CLOSED, by="again", turn="chat_x") == gap
    with pytest.raises(Conflict, match="is closed, and cannot become open"):
        await book.step(gap.id, GapState.OPEN, by="somebody")


async def test_a_gap_closes_only_with_an_answer(book: GapBook) -> None:
    gap, _ = await book.report("q", by="hub")

    with pytest.raises(Conflict, match="cites"):
        await book.step(gap.id, GapState.CLOSED, by="hub")
    with pytest.raises(NotFound):
        await book.step("gap_000000000000", GapState.QUEUED, by="hub")


async def test_gaps_are_listed_by_urgency_page_by_page(book: GapBook) -> None:
    for number, confidence in enumerate([0.1, 0.9, 0.5, 0.3]):
        await book.report(f"q{number}", by="hub", confidence=confidence)
    await book.step((await book.report("q2", by="hub"))[0].id, GapState.QUEUED, by="hub")

    first, after = await book.list(limit=3)
    rest, end = await book.list(limit=3, after=after)

    assert [gap.question for gap in (*first, *rest)] == ["q2", "q0", "q3", "q1"]
    assert end is None
    assert [gap.question for gap in (await book.list(state=GapState.QUEUED))[0]] == ["q2"]
    assert [gap.question for gap in (await book.list(state=GapState.OPEN))[0]] == ["q0", "q3", "q1"]


async def test_everything_comes_back_from_the_log(
    book: GapBook, log: GraphLog, redis: RedisClient, arrivals: Arrivals, clock: Any
) -> None:
    one, _ = await book.report("one", by="a", topics=["Shared", "Own"])
    await book.report("other", by="a", topics=["Shared"])
    await book.step(one.id, GapState.QUEUED, by="planner")
    await book.step((await book.report("third", by="a"))[0].id, GapState.UNFILLABLE, by="planner")
    before = await everything(redis)
    await redis.flushall()

    reopened = await GapBook.open(log, redis, EventStreams(redis, arrivals, now=clock), now=clock)

    assert await everything(redis) == before
    await redis.zadd(BOARD, {"left over": 1})
    await reopened.rebuild()
    assert await everything(redis) == before


async def test_what_was_kept_while_redis_was_away_is_there_once_it_is_back(
    log: GraphLog, redis: RedisClient, arrivals: Arrivals, tmp_path: Path, clock: Any
) -> None:
    nobody = connect_redis(f"unix://{tmp_path / 'nobody.sock'}", patience_s=0.0)
    events = EventStreams(redis, arrivals, now=clock)
    away = await GapBook.open(log, nobody, events, now=clock)
    with pytest.raises(RedisDown):
        await away.report("q", by="a")
    await nobody.aclose()
    log.append("gaps/gaps", [encode_gap(Gap("gap_1", "q", GapReason.REPORTED, GapState.OPEN, 1.0, 1.0))]).result()

    book = await GapBook.open(log, redis, events, now=clock)

    assert (await book.report("q", by="a"))[0].id == "gap_1"


@given(steps=st.lists(st.sampled_from(STATES), max_size=80))
def test_a_life_goes_only_where_it_may_and_survives_being_written_down(steps: list[GapState]) -> None:
    gap = Gap("gap_1", "q", GapReason.REPORTED, GapState.OPEN, 1.0, 1.0)
    for at, state in enumerate(steps):
        before = gap
        try:
            gap = gap.step(state, at=at, by="somebody", turn="t")
        except Conflict:
            assert state is not before.state
            assert state not in before.state.next_states
        else:
            assert gap.state is state
            assert state is before.state or state in before.state.next_states
        assert not before.state.is_final or gap == before
        assert len(gap.history) <= 50
    assert decode_gap(encode_gap(gap)) == gap
