from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lumina_core.documents import Article
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.drivers.vector_store import Filter, Match, Point, Query, Range
from lumina_core.errors import EmbedderDown, VectorStoreDown
from lumina_core.retrieval.hits import SearchResult
from lumina_core.retrieval.scoring import Weights
from lumina_core.retrieval.search import Searcher

QUESTIONS = [
    ("Who designed a lens for lighthouses?", "Lighthouse", "Lamps"),
    ("How many eggs does a queen bee lay?", "Honey bee", "Hive"),
    ("Which machine defeated Kasparov?", "Chess", "Computers"),
    ("What is a glacier?", "Glacier", ""),
    ("Where did Gutenberg print?", "Printing press", ""),
    ("when was the comet last near the sun", "Halley's Comet", ""),
]
SIGNALS = {"dense", "lexical", "sentence", "joint", "title", "opening", "pagerank"}


@pytest.fixture
def searcher(store: Any, embedder: OnnxEmbedder) -> Searcher:
    return Searcher(store, embedder)


def ids_of(result: SearchResult) -> list[str]:
    return [hit.chunk_id for hit in result.hits]


@pytest.mark.parametrize(("question", "title", "section"), QUESTIONS)
async def test_the_chunk_that_answers_comes_first(searcher: Searcher, question: str, title: str, section: str) -> None:
    result = await searcher.search(question)

    assert (result.hits[0].title, result.hits[0].section) == (title, section)


@pytest.mark.parametrize("limit", [1, 10, 50])
async def test_hits_come_by_falling_score_and_the_contributions_sum_to_it(searcher: Searcher, limit: int) -> None:
    for question, _, _ in QUESTIONS:
        result = await searcher.search(question, limit=limit)

        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)
        assert len(set(ids_of(result))) == len(result.hits) == min(limit, 32)
        for hit in result.hits:
            assert sum(hit.contributions.values()) == pytest.approx(hit.score)
            assert set(hit.contributions) == SIGNALS


async def test_a_hit_points_back_into_its_article(searcher: Searcher, articles: tuple[Article, ...]) -> None:
    texts = {article.id: article for article in articles}

    for hit in (await searcher.search("Which machine defeated Kasparov?", limit=30)).hits:
        if hit.source == "twins":
            continue
        article = texts[hit.article_id]
        assert article.text[hit.start : hit.end] == hit.text
        assert (hit.title, hit.url, hit.source, hit.ts) == (article.title, article.url, article.source, article.ts)
        assert (hit.revision, hit.wikidata) == ("7", article.wikidata)


async def test_sentences_of_a_hit_carry_their_cosine_and_shares(
    searcher: Searcher, embedder: OnnxEmbedder, points: list[Point]
) -> None:
    question = "Who designed a lens for lighthouses?"
    stored = {point.id: point for point in points}
    vector = embedder.embed_query(question)

    result = await searcher.search(question)

    for hit in result.hits:
        point = stored[hit.chunk_id]
        assert point.sentences is not None
        assert [offset for one in hit.sentences for offset in (one.start, one.end)] == point.payload["sents"]
        assert [one.dense for one in hit.sentences] == pytest.approx((point.sentences @ vector).tolist(), abs=2e-3)
        assert hit.dense == pytest.approx(float(point.dense @ vector), abs=2e-3)
        assert all(0 <= share <= 1 for one in hit.sentences for share in (one.lexical, one.pairs))
        assert 0 <= hit.coverage <= 1
    best = max(result.hits[0].sentences, key=lambda one: one.dense)
    assert result.hits[0].text[best.start : best.end] == "Augustin Fresnel designed a lens of rings in 1822."


async def test_equal_questions_bring_equal_hits_whoever_asks(store: Any, embedder: OnnxEmbedder) -> None:
    with ThreadPoolExecutor(1) as executor:
        first = await Searcher(store, embedder, executor=executor).search("What is a tunnel dug with?", limit=40)
        second = await Searcher(store, embedder).search("What is a tunnel dug with?", limit=40)

    assert first.hits == second.hits
    assert first.signals == second.signals


async def test_ties_go_by_chunk_id(searcher: Searcher) -> None:
    result = await searcher.search("Wolfram's marmalade recipe", limit=2)

    first, second = result.hits
    assert (first.chunk_id, second.chunk_id) == ("art_twina#0", "art_twinb#0")
    assert first.score == second.score


@pytest.mark.parametrize(
    ("filter", "allowed"),
    [
        (Filter(must=(Match("source", ("atlas",)),)), {"Glacier", "Venice"}),
        (Filter(must_not=(Match("source", ("library", "twins")),)), {"Glacier", "Venice"}),
        (Filter(must=(Range("ts", 3000.0, 4000.0),)), {"Violin", "Halley's Comet"}),
        (Filter(must=(Match("source", ("library",)), Range("ts", gte=8000.0))), {"Printing press", "Tunnel"}),
        (Filter(must=(Match("source", ("nobody",)),)), set()),
    ],
)
async def test_a_filter_keeps_everything_else_out(searcher: Searcher, filter: Filter, allowed: set[str]) -> None:
    result = await searcher.search("Who designed a lens for lighthouses?", limit=30, filter=filter)

    assert {hit.title for hit in result.hits} == allowed
    assert len(result.hits) == 3 * len(allowed)


async def test_a_filter_by_article_ranks_within_it(searcher: Searcher, articles: tuple[Article, ...]) -> None:
    bee = next(article for article in articles if article.title == "Honey bee")

    result = await searcher.search("How does the dance work?", filter=Filter(must=(Match("article", (bee.id,)),)))

    assert {hit.article_id for hit in result.hits} == {bee.id}
    assert result.hits[0].section == "Dance"


async def test_the_limit_cuts_the_same_list(searcher: Searcher) -> None:
    many = await searcher.search("How much honey, coffee and ice is there?", limit=30)

    for limit in (1, 7, 15):
        few = await searcher.search("How much honey, coffee and ice is there?", limit=limit)
        assert ids_of(few) == ids_of(many)[:limit]


async def test_an_empty_index_brings_nothing(own_store: Any, embedder: OnnxEmbedder) -> None:
    result = await Searcher(own_store, embedder).search("Who designed a lens?")

    assert result.hits == ()
    assert result.signals.unknown_terms == ("designed", "lens")
    assert (result.signals.best_dense, result.signals.best_sentence, result.signals.best_coverage) == (0, 0, 0)


@pytest.mark.parametrize("question", ["?!", "", "Who is it?", "plumless buckeroo", "🦉", "日本の首都は東京です。"])
async def test_a_question_without_known_words_is_searched_by_its_vector(searcher: Searcher, question: str) -> None:
    result = await searcher.search(question, limit=5)

    assert len(result.hits) == 5
    assert all(np.isfinite(hit.score) for hit in result.hits)


async def test_a_rare_token_is_found_though_no_dense_neighbour_has_it(store: Any, embedder: OnnxEmbedder) -> None:
    question = "Do honey bees keep a spare queen in the hive?"
    vector = embedder.embed_query(question)
    (dense,) = await store.query("chunks", [Query("dense", vector, 4, exact=True)])
    assert not any(
        "spare" in record.payload["text"] for record in await store.retrieve("chunks", [h.id for h in dense])
    )

    result = await Searcher(store, embedder, depth=4).search(question, limit=12)

    assert any("spare" in hit.text for hit in result.hits)


async def test_a_token_alone_brings_its_chunk_first(searcher: Searcher) -> None:
    assert "QZX-41" in (await searcher.search("QZX-41")).hits[0].text


async def test_work_is_bounded_however_many_chunks_there_are(store: Any, embedder: OnnxEmbedder) -> None:
    result = await Searcher(store, embedder, depth=4).search("Which machine defeated Kasparov?", limit=3)

    asked = [query for queries in store.queries for query in queries]
    assert len([query for query in asked if query.limit == 1]) == 3, "one for each term"
    assert sorted((query.using, query.limit) for query in asked if query.limit > 1) == [("bm25", 4), ("dense", 4)]
    (compared,) = store.compared
    assert 3 <= len(compared) <= 8
    carriers, read = store.retrieved
    assert len(carriers) <= 3
    assert len(read) == 3 == len(result.hits)


async def test_the_signals_tell_what_the_index_knows_of_the_question(searcher: Searcher) -> None:
    result = await searcher.search("Did the quokka play the violin?")

    assert set(result.signals.term_idf) == {"quokka", "play", "violin"}
    assert result.signals.unknown_terms == ("quokka",)
    assert result.signals.term_idf["quokka"] > result.signals.term_idf["violin"] > 0
    assert result.signals.best_dense == max(hit.dense for hit in result.hits)
    assert result.signals.best_sentence == pytest.approx(
        max(one.dense for hit in result.hits for one in hit.sentences), abs=2e-3
    )
    assert result.signals.best_coverage == max(hit.coverage for hit in result.hits)
    assert set(result.took_s) == {"question", "candidates", "comparison", "reading"}
    assert all(took_s >= 0 for took_s in result.took_s.values())


async def test_the_weights_decide(store: Any, embedder: OnnxEmbedder) -> None:
    nothing = {"dense": 0.0, "lexical": 0.0, "sentence": 0.0, "joint": 0.0, "title": 0.0, "opening": 0.0}
    searcher = Searcher(store, embedder, weights=Weights(**nothing, pagerank=1.0))

    result = await searcher.search("Which machine defeated Kasparov?", limit=32)

    assert [hit.title for hit in result.hits[:3]] == ["Tunnel"] * 3
    assert all(hit.score == pytest.approx(hit.contributions["pagerank"]) for hit in result.hits)


@pytest.mark.parametrize("removed_before", ["compare", "retrieve"])
async def test_a_chunk_removed_while_it_is_searched_for_is_left_out(
    own_store: Any, embedder: OnnxEmbedder, points: list[Point], removed_before: str
) -> None:
    await own_store.store.upsert(own_store.collection, points[:6])
    own_store.before[removed_before] = lambda store, name: store.delete(name, Filter(ids=(points[0].id,)))

    result = await Searcher(own_store, embedder).search("What is a lighthouse?")

    assert sorted(ids_of(result)) == sorted(point.id for point in points[1:6])


async def test_a_chunk_replaced_while_it_is_searched_for_comes_without_sentences(
    own_store: Any, embedder: OnnxEmbedder, points: list[Point]
) -> None:
    """Their scores are those of other sentences than its text has now."""
    await own_store.store.upsert(own_store.collection, points[:3])
    shorter = points[1]
    assert shorter.sentences is not None
    changed = replace(
        shorter, sentences=shorter.sentences[:1], payload={**shorter.payload, "sents": shorter.payload["sents"][:2]}
    )
    own_store.before["retrieve"] = lambda store, name: store.upsert(name, [changed])

    result = await Searcher(own_store, embedder).search("Who designed a lens for lighthouses?")

    assert {hit.chunk_id: bool(hit.sentences) for hit in result.hits} == {
        points[0].id: True,
        points[1].id: False,
        points[2].id: True,
    }


async def test_a_store_that_is_down_says_so(store: Any, embedder: OnnxEmbedder) -> None:
    store.fail = VectorStoreDown("no answer", hint="Wait.")

    with pytest.raises(VectorStoreDown, match="no answer"):
        await Searcher(store, embedder).search("Who?")


async def test_an_embedder_that_is_down_says_so(store: Any, broken_embedder: Any) -> None:
    with pytest.raises(EmbedderDown, match="no answer"):
        await Searcher(store, broken_embedder).search("Which machine defeated Kasparov?")
