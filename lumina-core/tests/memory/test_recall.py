from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lumina_core.drivers.vector_store import VectorStore
from lumina_core.errors import EmbedderDown
from lumina_core.memory.recall import SENTENCES_KEPT, RecallSettings, TurnRecall, matched_sentences, turn_point
from lumina_core.memory.turns import Turn, TurnId, turn_text

DAY_S = 86_400.0
NOW = 1_795_000_000.0


async def put(store: VectorStore, embedder: Any, *turns: Turn, owner: str = "ann") -> None:
    places: Counter[str] = Counter()
    points = []
    for turn in turns:
        vector = embedder.embed_query(turn_text(turn.user, turn.assistant))
        sentences = embedder.embed(matched_sentences(turn.user, turn.assistant))
        place = places[turn.session]
        points.append(turn_point(turn, owner, query=turn.user, place=place, vector=vector, sentences=sentences))
        places[turn.session] += 1
    await store.upsert("chat_long", points)


def turn(number: int, user: str, assistant: str, *, session: str = "s", age_days: float = 1.0) -> Turn:
    at = NOW - age_days * DAY_S + number
    return Turn(TurnId(f"chat_20261122T090000Z_{number:06x}"), session, at, user, assistant, 0.5)


PAST = (
    turn(1, "What is anarchism?", "Anarchism is a political philosophy.", session="a"),
    turn(2, "Who founded it?", "Proudhon called himself an anarchist first.", session="a"),
    turn(3, "How do I bake rye bread?", "With sourdough and patience.", session="b"),
    turn(4, "What is the capital of Alabama?", "Montgomery.", session="c"),
)


async def test_what_bears_on_the_question_comes_back_best_first(store: VectorStore, embedder: Any) -> None:
    await put(store, embedder, *PAST)

    found = await TurnRecall(store, embedder).recall("ann", "Tell me about rye bread and sourdough", now=NOW)

    assert found[0].id == PAST[2].id
    assert found[0].assistant == "With sourdough and patience."
    assert found[0].score == pytest.approx(sum(found[0].contributions.values()))


async def test_a_turn_is_found_by_its_question_and_by_its_answer(store: VectorStore, embedder: Any) -> None:
    await put(store, embedder, *PAST)
    recall = TurnRecall(store, embedder)

    assert (await recall.recall("ann", "the capital of Alabama", now=NOW))[0].id == PAST[3].id
    assert (await recall.recall("ann", "Montgomery", now=NOW))[0].id == PAST[3].id


async def test_another_owners_turns_stay_theirs(store: VectorStore, embedder: Any) -> None:
    await put(store, embedder, *PAST)

    assert await TurnRecall(store, embedder).recall("bob", "What is anarchism?", now=NOW) == []


async def test_turns_older_than_the_window_stay_out(store: VectorStore, embedder: Any) -> None:
    await put(
        store,
        embedder,
        turn(1, "rye bread", "old", age_days=14.1),
        turn(2, "rye bread", "young", age_days=13.9),
    )

    assert [hit.assistant for hit in await TurnRecall(store, embedder).recall("ann", "rye bread", now=NOW)] == ["young"]


async def test_no_more_than_top_k_come_back_and_excluded_ones_do_not(store: VectorStore, embedder: Any) -> None:
    await put(store, embedder, *(turn(n, f"rye bread {n}", "sourdough", session=f"s{n}") for n in range(6)))
    recall = TurnRecall(store, embedder)
    first = await recall.recall("ann", "rye bread", now=NOW)

    assert len(first) == 3
    second = await recall.recall("ann", "rye bread", now=NOW, exclude=[hit.id for hit in first])
    assert {hit.id for hit in second}.isdisjoint(hit.id for hit in first)


async def test_what_has_nothing_to_do_with_the_question_is_not_recalled(store: VectorStore, embedder: Any) -> None:
    await put(store, embedder, *PAST)

    assert await TurnRecall(store, embedder).recall("ann", "Quantum chromodynamics on lattices?", now=NOW) == []


async def test_of_a_long_past_what_fits_is_ranked_with_its_neighbours(store: VectorStore, embedder: Any) -> None:
    many = [turn(100 + n, f"topic{n} alpha{n}?", f"beta{n} gamma{n}.", session=f"x{n // 50}") for n in range(300)]
    long_session = [
        *many[:20],
        turn(900, "How do I bake rye bread?", "With sourdough.", session="x0"),
        turn(901, "And for how long?", "An hour.", session="x0"),
        *many[20:],
    ]
    await put(store, embedder, *PAST[:2], *long_session)
    recall = TurnRecall(store, embedder, RecallSettings(ranked=24, candidates=4, min_matched=0.3))

    found = await recall.recall("ann", "sourdough rye bread", now=NOW, limit=2)

    assert [hit.user for hit in found] == ["How do I bake rye bread?", "And for how long?"]


async def test_recall_takes_two_round_trips_and_moves_no_vectors(
    store: VectorStore, embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, embedder, *PAST, *(turn(9 + n, f"topic{n}", f"beta{n}.", session="x") for n in range(40)))
    calls: list[int] = []
    query = store.query

    async def counted(collection: str, queries: Any) -> Any:
        calls.append(len(queries))
        return await query(collection, queries)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("one round trip too many")

    monkeypatch.setattr(store, "query", counted)
    for method in ("retrieve", "scroll", "count"):
        monkeypatch.setattr(store, method, refused)

    await TurnRecall(store, embedder, RecallSettings(ranked=16, candidates=4)).recall("ann", "rye bread", now=NOW)

    assert calls == [2, 2]


async def test_a_sentence_deep_in_a_long_answer_counts_for_itself(store: VectorStore, embedder: Any) -> None:
    filler = " ".join(f"Filler{n} words{n} here{n} more{n}." for n in range(8))
    long_answer = turn(1, "Tell me everything", f"{filler} A violin is made of spruce. {filler}", session="a")
    await put(store, embedder, long_answer, *PAST[1:])

    hit = (await TurnRecall(store, embedder).recall("ann", "violin made of spruce", now=NOW))[0]

    question = embedder.embed_query("violin made of spruce")
    whole = embedder.embed_query(turn_text(long_answer.user, long_answer.assistant))
    assert hit.id == long_answer.id
    assert hit.cosine > float(question @ whole) + 0.2


def test_the_sentences_of_a_turn_are_bounded() -> None:
    assert len(matched_sentences("Why?", "This is a sentence. " * 100)) == SENTENCES_KEPT
    assert matched_sentences("Why is that so?", "Because it is.") == ["Why is that so?", "Because it is."]
    assert matched_sentences("", " ") == []


async def test_without_an_embedder_recall_says_so(store: VectorStore, embedder: Any) -> None:
    embedder.down = True

    with pytest.raises(EmbedderDown):
        await TurnRecall(store, embedder).recall("ann", "anything", now=NOW)
