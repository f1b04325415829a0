from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from lumina_core.answers.base import Outcome
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.drivers.vector_store import CollectionSpec, Filter, VectorStore
from lumina_core.errors import InvalidInput, NotFound, StorageFull, VectorStoreDown
from lumina_core.events.event import decode_event
from lumina_core.graph.log import GraphLog, read_log
from lumina_core.memory.events import QA_TURN, announce_turn
from lumina_core.memory.service import ChatMemory
from lumina_core.memory.turns import TURNS, FeedbackValue, Turn, TurnId

Answers = Callable[..., Any]


async def remember(memory: ChatMemory, question: str, answer: Any, session: str = "s", **more: Any) -> Any:
    turn = await memory.remember(owner="ann", session=session, question=question, answer=answer, **more)
    await memory.settle()
    return turn


async def test_a_turn_is_in_the_log_before_it_is_acknowledged(
    memory: ChatMemory, make_answer: Answers, root: Path
) -> None:
    turn = await memory.remember(owner="ann", session="s", question="Why?", answer=make_answer("Because.", "Reason"))

    (entry,) = read_log(root, TURNS)
    record = entry.record
    assert (record["id"], record["user"], record["assistant"], record["cite_ids"]) == (
        turn.id, "Why?", "Because. [1]", ["Q1"],
    )  # fmt: skip
    assert len(record["embedding"]) == 384
    assert turn.id == "chat_20261122T090000Z_000001"


async def test_a_remembered_turn_is_in_history_recall_and_by_id(
    memory: ChatMemory, make_answer: Answers, clock: Any
) -> None:
    turn = await remember(memory, "What is rye bread?", make_answer("A bread of rye flour.", "Rye bread"))
    clock.pass_s(60)

    assert [past.id for past in await memory.history("ann", "s")] == [turn.id]
    assert [hit.id for hit in await memory.recall("ann", "rye bread flour")] == [turn.id]
    stored = await memory.turn(turn.id, "ann")
    assert (stored.turn, stored.answer.citations[0].title) == (turn, "Rye bread")
    assert [seen.session for seen in await memory.sessions("ann")] == ["s"]


async def test_history_holds_the_last_four_turns(memory: ChatMemory, make_answer: Answers, clock: Any) -> None:
    for number in range(6):
        await remember(memory, f"q{number}", make_answer("a"))
        clock.pass_s(1)

    assert [turn.user for turn in await memory.history("ann", "s")] == ["q2", "q3", "q4", "q5"]
    assert await memory.history("ann", "unknown") == []


async def test_a_follow_up_uses_the_session_and_only_its_own(memory: ChatMemory, make_answer: Answers) -> None:
    answer = make_answer("Montgomery is the capital of Alabama.", "Alabama")
    turn = await remember(memory, "What is the capital of Alabama?", answer)

    rewritten = await memory.stand_alone("ann", "s", "When was it founded?")
    assert (rewritten.query, rewritten.from_turn) == ("When was Alabama founded?", turn.id)
    assert not (await memory.stand_alone("ann", "other", "When was it founded?")).is_rewritten
    assert not (await memory.stand_alone("bob", "s", "When was it founded?")).is_rewritten


async def test_feedback_is_kept_and_only_the_owner_gives_it(memory: ChatMemory, make_answer: Answers) -> None:
    turn = await remember(memory, "q", make_answer("a"))

    await memory.feedback(turn.id, "ann", FeedbackValue.UP)

    assert (await memory.turn(turn.id, "ann")).feedback is FeedbackValue.UP
    with pytest.raises(NotFound):
        await memory.feedback(turn.id, "bob", FeedbackValue.DOWN)


@pytest.mark.parametrize(("session", "question"), [("", "q"), ("s", "  ")])
async def test_what_cannot_be_a_turn_leaves_nothing_in_the_log(
    memory: ChatMemory, make_answer: Answers, root: Path, session: str, question: str
) -> None:
    with pytest.raises(InvalidInput):
        await memory.remember(owner="ann", session=session, question=question, answer=make_answer("a"))
    assert list(read_log(root, TURNS)) == []


async def test_everything_is_rebuilt_from_the_log_alone(
    memory: ChatMemory,
    make_answer: Answers,
    log: GraphLog,
    store: VectorStore,
    redis: RedisClient,
    embedder: Any,
    tmp_path: Path,
    clock: Any,
) -> None:
    turns = [await remember(memory, f"rye bread {n}", make_answer("sourdough")) for n in range(3)]
    await memory.feedback(turns[0].id, "ann", FeedbackValue.DOWN)
    await redis.flushall()
    await store.delete("chat_long", Filter())

    again = await ChatMemory.open(log, store, redis, embedder, tmp_path / "other.sqlite", now=clock)

    assert {turn.id for turn in await again.history("ann", "s")} == {turn.id for turn in turns}
    assert {hit.id for hit in await again.recall("ann", "rye bread")} == {turn.id for turn in turns}
    assert (await again.turn(turns[0].id, "ann")).feedback is FeedbackValue.DOWN
    await again.close()


async def points_of(store: VectorStore) -> dict[str, Any]:
    """All of `chat_long` but its times of writing: payload and vectors."""
    page, _ = await store.scroll("chat_long", limit=1000)
    records = await store.retrieve(
        "chat_long", sorted(record.id for record in page), vectors=("dense", "sentences", "bm25")
    )
    return {
        record.id: (
            dict(record.payload),
            record.dense.round(4).tolist(),
            record.sentences.round(3).tolist(),
            record.bm25.indices.tolist(),
        )
        for record in records
        if record.dense is not None and record.sentences is not None and record.bm25 is not None
    }


async def test_a_rebuild_makes_what_was_there_before_whatever_became_of_it(
    memory: ChatMemory, make_answer: Answers, store: VectorStore, redis: RedisClient, clock: Any
) -> None:
    for number in range(5):
        answer = make_answer(f"Sourdough, said {number} times. It is sour.", "Rye bread")
        query = f"How is rye bread {number} baked?"
        await remember(memory, f"How {number}?", answer, session=f"s{number % 2}", query=query)
        clock.pass_s(5)
    keys = ["chat:turns:ann:s0", "chat:turns:ann:s1", "chat:sessions:ann"]
    in_redis: list[Any] = [await redis.zrange(key, 0, -1, withscores=True) for key in keys]
    in_store = await points_of(store)
    assert len(in_store) == 5

    await redis.flushall()
    await redis.zadd("chat:turns:bob:never", {"what no log knows": 1.0})
    await store.drop("chat_long")
    assert await memory.rebuild() == 5

    assert [await redis.zrange(key, 0, -1, withscores=True) for key in keys] == in_redis
    assert await redis.exists("chat:turns:bob:never") == 0
    assert await points_of(store) == in_store


async def test_turns_made_during_a_rebuild_are_where_the_others_are(
    memory: ChatMemory, make_answer: Answers, store: VectorStore, clock: Any
) -> None:
    await remember(memory, "rye bread", make_answer("sourdough"))
    clock.pass_s(1)

    rebuilding = asyncio.create_task(memory.rebuild())
    made = []
    while not rebuilding.done():
        made.append(await memory.remember(owner="ann", session="s", question="oat bread", answer=make_answer("yeast")))
        clock.pass_s(1)
    await rebuilding
    await memory.settle()
    await memory.catch_up()

    assert [turn.id for turn in await memory.history("ann", "s", limit=3)] == [turn.id for turn in made][-3:]
    assert await store.count("chat_long") == 1 + len(made)


async def test_a_collection_with_other_vectors_is_made_anew(
    memory: ChatMemory,
    make_answer: Answers,
    log: GraphLog,
    store: VectorStore,
    redis: RedisClient,
    embedder: Any,
    tmp_path: Path,
    clock: Any,
) -> None:
    turn = await remember(memory, "rye bread", make_answer("sourdough"))
    await store.drop("chat_long")
    await store.ensure(CollectionSpec("chat_long", keyword_fields=("owner",)))

    again = await ChatMemory.open(log, store, redis, embedder, tmp_path / "chat2.sqlite", now=clock)

    assert [hit.id for hit in await again.recall("ann", "rye bread")] == [turn.id]
    await again.close()


async def test_a_rewritten_question_is_recalled_by_what_it_stood_for(memory: ChatMemory, make_answer: Answers) -> None:
    turn = await remember(memory, "And how?", make_answer("With yeast."), query="How is sourdough baked?")

    (hit,) = await memory.recall("ann", "sourdough baked")
    assert (hit.id, hit.user, hit.assistant) == (turn.id, "And how?", "With yeast.")


async def test_each_acknowledged_turn_is_announced_once_and_without_its_words(
    memory: ChatMemory, make_answer: Answers, redis: RedisClient
) -> None:
    turn = await remember(memory, "What is rye bread?", make_answer("A bread of rye flour.", "Rye bread"))
    await memory.rebuild()

    events: Any = await redis.xrange(QA_TURN)
    ((_, event),) = events
    told = decode_event(QA_TURN, "0-0", event)
    assert (told.id, told.type, told.ts, told.source) == (turn.id, "QA_TURN", turn.ts, "core")
    assert told.data == {"turn": turn.id, "session": "s", "owner": "ann", "confidence": 0.8, "outcome": "answered"}


async def test_the_stream_of_turns_keeps_the_latest(redis: RedisClient) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for _ in range(10_300):
            pipe.xadd(QA_TURN, {"id": "old"})
        await pipe.execute()
    turn = Turn(TurnId("chat_20261122T090000Z_000001"), "s", 1.0, "q", "a", 0.5)

    await announce_turn(redis, turn, "ann", Outcome.PARTIAL)

    assert 10_000 <= await redis.xlen(QA_TURN) < 10_200
    newest: Any = await redis.xrevrange(QA_TURN, count=1)
    ((_, last),) = newest
    told = decode_event(QA_TURN, "0-0", last)
    assert (told.id, told.data["outcome"]) == (turn.id, "partial")


async def test_history_that_redis_lost_is_read_from_the_log(
    memory: ChatMemory, make_answer: Answers, redis: RedisClient
) -> None:
    await remember(memory, "What is the capital of Alabama?", make_answer("Montgomery.", "Alabama"))
    await redis.flushall()

    assert (await memory.stand_alone("ann", "s", "When was it founded?")).query == "When was Alabama founded?"


async def test_a_turn_made_while_the_embedder_was_down_is_embedded_later(
    memory: ChatMemory, make_answer: Answers, embedder: Any, store: VectorStore
) -> None:
    embedder.down = True
    turn = await remember(memory, "rye bread", make_answer("sourdough"))
    assert turn.embedding == ()
    assert await store.count("chat_long") == 0

    embedder.down = False
    assert await memory.catch_up() == 1
    assert [hit.id for hit in await memory.recall("ann", "rye bread")] == [turn.id]


async def test_what_the_store_missed_follows_with_the_next_turn(
    memory: ChatMemory, make_answer: Answers, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise VectorStoreDown("away")

    with monkeypatch.context() as broken:
        broken.setattr(store, "upsert", down)
        await remember(memory, "rye bread", make_answer("sourdough"))
    await remember(memory, "oat bread", make_answer("yeast"))

    assert await store.count("chat_long") == 2


async def test_without_redis_turns_are_kept_and_history_is_read_from_the_log(
    log: GraphLog,
    store: VectorStore,
    no_redis: RedisClient,
    embedder: Any,
    tmp_path: Path,
    make_answer: Answers,
    clock: Any,
) -> None:
    memory = await ChatMemory.open(log, store, no_redis, embedder, tmp_path / "chat.sqlite", now=clock)
    await remember(memory, "What is the capital of Alabama?", make_answer("Montgomery.", "Alabama"))

    assert [turn.user for turn in await memory.history("ann", "s")] == ["What is the capital of Alabama?"]
    assert (await memory.stand_alone("ann", "s", "When was it founded?")).query == "When was Alabama founded?"
    await memory.close()


async def test_a_full_disk_is_said_and_nothing_is_shown_of_the_turn(
    memory: ChatMemory, make_answer: Answers, log: GraphLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(StorageFull("no room"))
        return future

    monkeypatch.setattr(log, "append_many", full)
    with pytest.raises(StorageFull):
        await memory.remember(owner="ann", session="s", question="q", answer=make_answer("a"))

    assert await memory.history("ann", "s") == []
    assert memory.turns == 0


async def test_what_was_searched_for_is_what_is_embedded(memory: ChatMemory, make_answer: Answers) -> None:
    plain = await remember(memory, "When was it founded?", make_answer("In 1819."))
    whole = await remember(memory, "When was it founded?", make_answer("In 1819."), query="When was Alabama founded?")

    assert plain.embedding != whole.embedding
    assert (await memory.turn(whole.id, "ann")).answer.query == "When was Alabama founded?"
