from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from lumina_core.answers.base import Answer, Citation, Outcome
from lumina_core.drivers.vector_store import COLLECTIONS, Point, VectorStore
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.errors import EmbedderDown
from lumina_core.memory.turn_vectors import TurnVectors, mean_vector, turn_texts
from lumina_core.memory.turns import AnswerRecord, TurnId

SENTENCES = ("Honey is made by bees.", "Bees dance to point at flowers.")


def record_of(*citations: Citation, outcome: Outcome = Outcome.ANSWERED) -> AnswerRecord:
    return AnswerRecord(TurnId("t"), "ann", outcome, "Who makes honey?", citations)


def cited(made: Answer, *, start: int) -> Citation:
    (citation,) = made.citations
    return Citation(**{name: getattr(citation, name) for name in Citation.__slots__} | {"start": start})


@pytest.fixture
async def chunk(store: VectorStore, embedder: Any) -> AsyncIterator[Point]:
    """The chunk that `make_answer` cites, which begins at the article's 100th character."""
    await store.ensure(next(spec for spec in COLLECTIONS if spec.name == "chunks"))
    vectors = embedder.embed([f"Bee. {sentence}" for sentence in SENTENCES])
    point = Point(
        "art_000000000001#0",
        vectors[0],
        {"start": 100, "sents": [0, 22, 23, 54], "title": "Bee"},
        vectors,
    )
    await store.upsert("chunks", [point])
    embedder.embedded = 0
    yield point
    await store.drop("chunks")


async def test_the_vectors_of_cited_sentences_are_those_of_the_index(
    store: VectorStore, embedder: Any, chunk: Point, make_answer: Any
) -> None:
    answer = record_of(cited(make_answer(SENTENCES[1], "Bee"), start=123))

    vectors = await TurnVectors(store, embedder).of(answer, SENTENCES[1])

    assert embedder.embedded == 1, "the question, which a search has embedded already"
    assert chunk.sentences is not None
    np.testing.assert_allclose(vectors[0], embedder.embed_query("Who makes honey?"))
    np.testing.assert_allclose(vectors[1], chunk.sentences[1], atol=1e-3)


async def test_a_sentence_that_the_index_has_no_more_is_embedded_as_it_was_indexed(
    store: VectorStore, embedder: Any, chunk: Point, make_answer: Any
) -> None:
    replaced = record_of(cited(make_answer(SENTENCES[1], "Bee"), start=130))

    vectors = await TurnVectors(store, embedder).of(replaced, SENTENCES[1])

    np.testing.assert_allclose(vectors[1], embedder.embed_query(f"Bee. {SENTENCES[1]}"))


async def test_without_an_index_everything_is_embedded(embedder: Any, make_answer: Any, edge_socket: Any) -> None:
    nowhere = await EdgeStore.connect(edge_socket.with_name("nobody.sock"), patience_s=0)
    answer = record_of(*make_answer(SENTENCES[0], "Bee").citations)

    vectors = await TurnVectors(nowhere, embedder).of(answer, SENTENCES[0])

    np.testing.assert_allclose(vectors, embedder.embed(turn_texts(answer, SENTENCES[0])))
    await nowhere.close()


async def test_an_embedder_that_is_down_says_so(store: VectorStore, embedder: Any) -> None:
    embedder.down = True

    with pytest.raises(EmbedderDown):
        await TurnVectors(store, embedder).of(record_of(), "")


def test_what_cites_nothing_counts_by_its_own_sentences_and_an_abstention_by_its_question() -> None:
    said = "Honey is made by bees in their hive. They dance to point at the flowers."

    assert turn_texts(record_of(), said) == [
        "Who makes honey?",
        "Honey is made by bees in their hive.",
        "They dance to point at the flowers.",
    ]
    assert turn_texts(record_of(outcome=Outcome.ABSTAINED), "I do not know.") == ["Who makes honey?"]


def test_the_mean_of_unit_vectors_has_length_one() -> None:
    assert mean_vector(np.array([[1, 0], [0, 1]], np.float32)).tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    assert mean_vector(np.array([[1, 0], [-1, 0]], np.float32)).tolist() == [0, 0]
