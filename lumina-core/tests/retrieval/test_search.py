from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from lumina_core.documents import Article
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.drivers.vector_store import Filter, Match, Point, Query, Range
from lumina_core.errors import EmbedderDown, VectorStoreDown
from lumina_core.retrieval.hits import SearchResult
from lumina_core.retrieval.scoring import Weights
from lumina_core.retrieval.search import Depth, Searcher

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


@pytest.mark.parametrize("depth", [Depth(), Depth(second=1)])
async def test_ties_go_by_chunk_id(store: Any, embedder: OnnxEmbedder, depth: Depth) -> None:
    result = await Searcher(store, embedder, depth=depth).search("Wolfram's marmalade recipe", limit=2)

    first, second = result.hits
    assert (first.chunk_id, second.chunk_id) == ("art_twina#0", "art_twinb#0")
    if depth == Depth():
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


async def test_hits_beyond_the_second_stage_follow_the_others_without_sentences(
    store: Any, embedder: OnnxEmbedder
) -> None:
    for question, _, _ in QUESTIONS:
        result = await Searcher(store, embedder, depth=Depth(second=5)).search(question, limit=20)

        assert len(result.hits) == 20
        read, rest = result.hits[:5], result.hits[5:]
        assert all(hit.sentences and set(hit.contributions) == SIGNALS for hit in read)
        for hit in rest:
            assert (hit.sentences, hit.coverage) == ((), 0.0)
            assert set(hit.contributions) - {"unread"} == {"dense", "sentence", "bm25"}
            assert sum(hit.contributions.values()) == pytest.approx(hit.score)
        scores = [hit.score for hit in result.hits]
        assert scores == sorted(scores, reverse=True)


async def test_the_limit_cuts_the_same_list(store: Any, embedder: OnnxEmbedder) -> None:
    searcher = Searcher(store, embedder, depth=Depth(second=8))
    many = await searcher.search("How much honey, coffee and ice is there?", limit=30)

    for limit in (1, 7, 8, 9, 15):
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
    depth = Depth(first=4, second=3)
    vector = embedder.embed_query(question)
    (dense,) = await store.query("chunks", [Query("dense", vector, 4, exact=True)])
    assert not any(
        "spare" in record.payload["text"] for record in await store.retrieve("chunks", [h.id for h in dense])
    )

    result = await Searcher(store, embedder, depth=depth).search(question, limit=12)

    assert any("spare" in hit.text for hit in result.hits)


async def test_a_token_alone_brings_its_chunk_first(searcher: Searcher) -> None:
    assert "QZX-41" in (await searcher.search("QZX-41")).hits[0].text


async def test_work_is_bounded_however_many_chunks_there_are(store: Any, embedder: OnnxEmbedder) -> None:
    depth = Depth(first=4, second=3)

    result = await Searcher(store, embedder, depth=depth).search("Which machine defeated Kasparov?", limit=3)

    assert len(store.queries) <= 4
    asked = [query for queries in store.queries for query in queries]
    single = [query for query in asked if query.limit == 1]
    first = [query for query in asked if query.limit > 1 and query.filter is None]
    second = [query for query in asked if query.filter is not None]
    assert len(single) == 3, "one for each term"
    assert sorted((query.using, query.limit) for query in first) == [("bm25", 4), ("dense", 4)]
    assert sorted(query.using for query in second) == ["bm25", "dense", "sentences"]
    for query in second:
        assert query.filter.ids is not None
        assert len(query.filter.ids) <= 2 * depth.first
        assert query.limit <= 2 * depth.first
    carriers, *read = store.retrieved
    assert len(carriers) <= 3
    assert sum(map(len, read)) == 3 == len(result.hits)


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
    assert set(result.took_s) == {"question", "candidates", "sentences"}
    assert all(took_s >= 0 for took_s in result.took_s.values())


async def test_the_weights_decide(store: Any, embedder: OnnxEmbedder) -> None:
    nothing = {"dense": 0.0, "lexical": 0.0, "sentence": 0.0, "joint": 0.0, "title": 0.0, "opening": 0.0, "bm25": 0.0}
    searcher = Searcher(store, embedder, weights=Weights(**nothing, pagerank=1.0))

    result = await searcher.search("Which machine defeated Kasparov?", limit=32)

    assert [hit.title for hit in result.hits[:3]] == ["Tunnel"] * 3
    assert all(hit.score == pytest.approx(hit.contributions["pagerank"]) for hit in result.hits)


async def test_a_chunk_removed_while_it_is_searched_for_is_left_out(
    own_store: Any, embedder: OnnxEmbedder, points: list[Point]
) -> None:
    await own_store.store.upsert(own_store.collection, points[:6])

    class Losing:
        query, count = own_store.query, own_store.count

        async def retrieve(self, collection: str, ids: Any, **wanted: Any) -> Any:
            await own_store.store.delete(own_store.collection, Filter(ids=(points[0].id,)))
            return await own_store.retrieve(collection, ids, **wanted)

    result = await Searcher(Losing(), embedder).search("What is a lighthouse?")  # type: ignore[arg-type]  # what it needs

    assert sorted(ids_of(result)) == sorted(point.id for point in points[1:6])


async def test_a_store_that_is_down_says_so(store: Any, embedder: OnnxEmbedder) -> None:
    store.fail = VectorStoreDown("no answer", hint="Wait.")

    with pytest.raises(VectorStoreDown, match="no answer"):
        await Searcher(store, embedder).search("Who?")


async def test_an_embedder_that_is_down_says_so(store: Any, broken_embedder: Any) -> None:
    with pytest.raises(EmbedderDown, match="no answer"):
        await Searcher(store, broken_embedder).search("Which machine defeated Kasparov?")
