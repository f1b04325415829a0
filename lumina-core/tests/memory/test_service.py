from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.drivers.vector_store import Filter, VectorStore
from lumina_core.errors import InvalidInput, NotFound, StorageFull, VectorStoreDown
from lumina_core.graph.log import GraphLog, read_log
from lumina_core.memory.service import ChatMemory
from lumina_core.memory.turns import TURNS, FeedbackValue

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
    embedded = embedder.embedded

    again = await ChatMemory.open(log, store, redis, embedder, tmp_path / "other.sqlite", now=clock)

    assert embedder.embedded == embedded  # the log has the vectors
    assert {turn.id for turn in await again.history("ann", "s")} == {turn.id for turn in turns}
    assert {hit.id for hit in await again.recall("ann", "rye bread")} == {turn.id for turn in turns}
    assert (await again.turn(turns[0].id, "ann")).feedback is FeedbackValue.DOWN
    await again.close()


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
