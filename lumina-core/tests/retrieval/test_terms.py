from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.drivers.vector_store import Filter, Match, Point
from lumina_core.retrieval import terms as terms_module
from lumina_core.retrieval.terms import TermStatistics, question_words
from lumina_core.text.analysis import STOPWORDS, bm25_document, stem, term_id, terms, words

QUESTION = "Who built the printing press with which ice, bees and honey came to Venice in 1986?"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def expected_idf(word: str, points: list[Point]) -> float:
    """The textbook formula on a count of our own."""
    holding = sum(
        stem(word) in {term for field in ("title", "section", "text") for term in terms(point.payload[field])}
        for point in points
    )
    return math.log(1 + (len(points) - holding + 0.5) / (holding + 0.5))


def point_with(name: str, text: str) -> Point:
    dense = np.zeros(384, dtype=np.float32)
    dense[0] = 1.0
    return Point(name, dense, {"id": name, "text": text}, dense[None, :], bm25_document("", "", text))


async def test_every_known_term_has_the_textbook_idf_of_the_real_index(store: Any, points: list[Point]) -> None:
    question = await TermStatistics(store, "chunks").of(QUESTION)

    assert question.words == ("built", "printing", "press", "ice", "bees", "honey", "came", "venice", "1986")
    for word, idf, known in zip(question.words, question.idf, question.known, strict=True):
        assert idf == pytest.approx(expected_idf(word, points), rel=1e-5), word
        assert known == (word != "came")
    assert question.ids.tolist() == [term_id(stem(word)) for word in question.words]
    assert question.total_idf == pytest.approx(question.idf.sum())


async def test_an_unknown_term_counts_like_one_that_no_chunk_holds(store: Any, points: list[Point]) -> None:
    question = await TermStatistics(store, "chunks").of("Does the quokka play the violin?")

    assert dict(zip(question.words, question.known.tolist(), strict=True)) == {
        "quokka": False,
        "play": True,
        "violin": True,
    }
    assert question.idf[0] == pytest.approx(math.log(1 + (len(points) + 0.5) / 0.5))
    assert question.idf[0] == question.idf.max()


async def test_known_terms_are_looked_up_once_a_minute(store: Any) -> None:
    clock = Clock()
    statistics = TermStatistics(store, "chunks", clock=clock)
    await statistics.of("glacier ice")
    assert [len(queries) for queries in store.queries] == [2]

    clock.now_s += 59
    await statistics.of("the ice of the glacier in Venice")
    assert [len(queries) for queries in store.queries] == [2, 1]

    clock.now_s += 2
    await statistics.of("glacier")
    assert [len(queries) for queries in store.queries] == [2, 1, 1]
    statistics.forget()
    await statistics.of("glacier")
    assert len(store.queries) == 4


async def test_what_was_unknown_is_known_as_soon_as_it_is_indexed(own_store: Any) -> None:
    statistics = TermStatistics(own_store, "chunks", clock=Clock())
    await own_store.store.upsert(own_store.collection, [point_with("a#0", "Ice flows.")])
    before = await statistics.of("quokka")

    await own_store.store.upsert(own_store.collection, [point_with("b#0", "The quokka is a marsupial.")])
    after = await statistics.of("quokka")

    assert (before.known.tolist(), after.known.tolist()) == ([False], [True])
    assert after.idf[0] == pytest.approx(math.log(1 + 1.5 / 1.5), rel=1e-5)


async def test_chunks_are_counted_once_a_minute_and_only_for_unknown_terms(store: Any) -> None:
    clock = Clock()
    statistics = TermStatistics(store, "chunks", clock=clock)
    await statistics.of("glacier")
    assert store.counted == 0

    for _ in range(3):
        await statistics.of("quokka")
    assert store.counted == 1
    clock.now_s += 61
    await statistics.of("quokka")
    assert store.counted == 2


async def test_a_carrier_replaced_between_the_two_calls_makes_its_term_unknown_only_until_the_next_look(
    own_store: Any,
) -> None:
    await own_store.store.upsert(
        own_store.collection, [point_with("a#0", "A quokka. A quokka!"), point_with("b#0", "One quokka and a wombat.")]
    )
    statistics = TermStatistics(own_store, "chunks", clock=Clock())
    replacement = [point_with("a#0", "Nothing of the kind.")]
    own_store.before["statistics"] = lambda store, name: store.upsert(name, replacement)

    torn = await statistics.of("quokka")
    whole = await statistics.of("quokka")

    assert torn.known.tolist() == [False]
    assert torn.idf[0] == pytest.approx(math.log(1 + 2.5 / 0.5))
    assert whole.known.tolist() == [True]
    assert whole.idf[0] == pytest.approx(math.log(1 + 1.5 / 1.5), rel=1e-5)


async def test_a_carrier_deleted_between_the_two_calls_does_no_harm(own_store: Any) -> None:
    await own_store.store.upsert(own_store.collection, [point_with("a#0", "quokka wombat")])

    class Deleting:
        query, count = own_store.query, own_store.count

        async def retrieve(self, collection: str, ids: Any, **wanted: Any) -> Any:
            await own_store.store.delete(own_store.collection, Filter(must_not=(Match("source", ("nobody",)),)))
            return await own_store.retrieve(collection, ids, **wanted)

    question = await TermStatistics(Deleting(), "chunks").of("quokka")  # type: ignore[arg-type]  # what it needs

    assert question.known.tolist() == [False]


async def test_a_full_cache_forgets_the_oldest_and_still_answers(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms_module, "_CACHE_TERMS", 3)
    statistics = TermStatistics(store, "chunks", clock=Clock())
    await statistics.of("glacier ice")

    question = await statistics.of("glacier honey nectar Venice lagoon")
    again = await statistics.of("glacier")

    assert question.known.all()
    assert again.idf[0] == question.idf[0]
    assert [len(queries) for queries in store.queries] == [2, 4, 1]


async def test_no_words_make_no_terms_and_ask_the_index_nothing(store: Any) -> None:
    question = await TermStatistics(store, "chunks").of("?!")

    assert question.words == ()
    assert question.idf.shape == (0,)
    assert question.total_idf > 0
    assert store.queries == []


def test_words_of_a_question_are_distinct_by_stem_and_neighbours_are_pairs() -> None:
    kept, pairs = question_words("Which capital has more capitals than the capital of Alabama's neighbours?")

    assert kept == ["capital", "alabama", "neighbours"]
    assert pairs == [(0, 1), (1, 2)]


def test_a_question_of_stop_words_alone_keeps_them() -> None:
    assert question_words("Who is it?") == (["who", "is", "it"], [(0, 1), (1, 2)])
    assert question_words("") == ([], [])


@given(st.lists(st.sampled_from([*"abcdefg", "the", "of", "rivers", "river"])).map(" ".join))
def test_pairs_are_distinct_places_of_distinct_words(question: str) -> None:
    kept, pairs = question_words(question)

    assert len({stem(word) for word in kept}) == len(kept)
    assert len(set(pairs)) == len(pairs)
    assert all(first != second and {first, second} <= set(range(len(kept))) for first, second in pairs)
    assert set(kept) <= {word for word in words(question) if word not in STOPWORDS} or set(kept) <= STOPWORDS
