from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.documents import Article, Chunk
from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.vector_store import Point
from lumina_core.retrieval.encoding import dense_text, encode_article, encode_chunks, pack_terms, unpack_terms
from lumina_core.text.analysis import bm25_document, term_id, terms


class NumberingEmbedder:
    """Gives the n-th text it ever saw a vector of n's, and remembers the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.info = EmbedderInfo("numbers", "numbers", 3, "fp32")

    def embed(self, texts: Sequence[str]) -> Vectors:
        first = len(self.texts)
        self.texts += texts
        rows = np.arange(first, first + len(texts), dtype=np.float32)
        return np.repeat(rows[:, None], 3, axis=1)

    def embed_query(self, text: str) -> Vectors:
        raise NotImplementedError

    def close(self) -> None:
        pass


def encode(chunks: Sequence[Chunk], embedder: NumberingEmbedder) -> list[Point]:
    return encode_chunks(chunks, embedder, source="library", wikidata="Q5", revision="7", pagerank=1.5)


def test_every_chunk_gives_one_point_in_order_with_a_vector_for_each_sentence(chunks: tuple[Chunk, ...]) -> None:
    embedder = NumberingEmbedder()

    points = encode(chunks, embedder)

    assert [point.id for point in points] == [chunk.id for chunk in chunks]
    for chunk, point in zip(chunks, points, strict=True):
        assert point.sentences is not None
        assert embedder.texts[int(point.dense[0])] == dense_text(chunk.title, chunk.section, chunk.text)
        assert [embedder.texts[int(row[0])] for row in point.sentences] == [
            f"{chunk.title}. {chunk.text[start:end]}" for start, end in chunk.sentences
        ]


def test_title_and_heading_stand_in_front_of_a_chunk_and_the_title_alone_in_front_of_its_sentences(
    chunks: tuple[Chunk, ...],
) -> None:
    embedder = NumberingEmbedder()
    chunk = next(chunk for chunk in chunks if chunk.section == "Dance")

    encode([chunk], embedder)

    assert embedder.texts == [
        "Honey bee. Dance. " + chunk.text,
        "Honey bee. Karl von Frisch explained the waggle dance in 1927.",
        "Honey bee. The angle of the dance points to the flowers.",
    ]
    assert dense_text("Chess", "", "A game.") == "Chess. A game."


def test_the_payload_keeps_the_chunk_its_sentences_and_their_terms(chunks: tuple[Chunk, ...]) -> None:
    for chunk, point in zip(chunks, encode(chunks, NumberingEmbedder()), strict=True):
        payload = point.payload
        assert payload["id"] == chunk.id
        assert payload["article"] == chunk.article_id
        assert [payload[name] for name in ("ordinal", "title", "url", "section", "start", "end", "text", "ts")] == [
            *(chunk.ordinal, chunk.title, chunk.url, chunk.section, chunk.start, chunk.end, chunk.text, chunk.ts)
        ]
        assert [payload[name] for name in ("source", "revision", "wikidata", "pagerank")] == ["library", "7", "Q5", 1.5]
        assert payload["sents"] == [offset for span in chunk.sentences for offset in span]
        per_sentence = [terms(chunk.text[start:end]) for start, end in chunk.sentences]
        assert payload["term_counts"] == [len(found) for found in per_sentence]
        assert unpack_terms(payload["terms"]).tolist() == [term_id(term) for found in per_sentence for term in found]


def test_the_sparse_vector_is_that_of_title_heading_and_text(chunks: tuple[Chunk, ...]) -> None:
    (point,) = encode(chunks[1:2], NumberingEmbedder())
    expected = bm25_document(chunks[1].title, chunks[1].section, chunks[1].text)

    assert point.bm25 is not None
    assert point.bm25.indices.tolist() == expected.indices.tolist()
    assert point.bm25.values.tolist() == expected.values.tolist()


def test_a_chunk_without_sentences_counts_as_one(chunks: tuple[Chunk, ...]) -> None:
    (point,) = encode([replace(chunks[0], sentences=())], NumberingEmbedder())

    assert point.sentences is not None
    assert point.sentences.shape == (1, 3)
    assert point.payload["sents"] == [0, len(chunks[0].text)]
    assert point.payload["term_counts"] == [len(terms(chunks[0].text))]


def test_no_chunks_give_no_points() -> None:
    assert encode([], NumberingEmbedder()) == []


@given(st.lists(st.text(max_size=60), max_size=8))
@settings(max_examples=150, deadline=None)
def test_unpacking_undoes_packing(sentences: list[str]) -> None:
    packed, counts = pack_terms(sentences)

    ids = unpack_terms(packed)

    assert ids.tolist() == [term_id(term) for sentence in sentences for term in terms(sentence)]
    assert counts == [len(terms(sentence)) for sentence in sentences]
    assert packed.isascii()


def test_an_article_is_encoded_by_its_title_and_summary(articles: tuple[Article, ...]) -> None:
    embedder = NumberingEmbedder()
    chess = next(article for article in articles if article.title == "Chess")

    point = encode_article(chess, embedder, 2.0)

    assert embedder.texts == [f"Chess. {chess.summary}"]
    assert point.id == chess.id
    assert point.sentences is None
    assert {name: point.payload[name] for name in ("title", "summary", "wikidata", "pagerank")} == {
        "title": "Chess",
        "summary": chess.summary,
        "wikidata": "Q1",
        "pagerank": 2.0,
    }
    with pytest.raises(KeyError):
        point.payload["text"]
