"""From chunks to points: what is embedded, what is matched, what is kept beside it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lumina_core.documents import Article, Chunk
from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import Point
from lumina_core.text.analysis import ANALYSIS_VERSION, bm25_document, term_id, terms

__all__ = ["ENCODING_VERSION", "dense_text", "encode_article", "encode_chunks", "pack_terms", "unpack_terms"]

ENCODING_VERSION = f"1.{ANALYSIS_VERSION}"
"""Changes when equal chunks give other points than before: an index made with another one is rebuilt."""


def dense_text(title: str, section: str, text: str) -> str:
    """What stands for a chunk, or for a sentence of it, in the dense space: its title and heading in front."""
    return f"{title}. {section}. {text}" if section else f"{title}. {text}"


def encode_chunks(
    chunks: Sequence[Chunk],
    embedder: Embedder,
    *,
    source: str,
    wikidata: str | None,
    revision: str,
    pagerank: float,
) -> list[Point]:
    """Encode chunks of one article for the collection `chunks`; one point each, in order.

    The payload keeps the chunk itself, the sentence spans as a flat list, and the terms of every sentence, so that
    the second stage of a search analyses no text.
    """
    texts: list[str] = []
    for chunk in chunks:
        texts.append(dense_text(chunk.title, chunk.section, chunk.text))
        # A sentence carries the title alone: the heading would make all sentences of a section alike.
        texts += [dense_text(chunk.title, "", chunk.text[start:end]) for start, end in _spans(chunk)]
    vectors = embedder.embed(texts)

    points: list[Point] = []
    row = 0
    for chunk in chunks:
        spans = _spans(chunk)
        packed, counts = pack_terms([chunk.text[start:end] for start, end in spans])
        points.append(
            Point(
                id=chunk.id,
                dense=vectors[row],
                sentences=vectors[row + 1 : row + 1 + len(spans)],
                bm25=bm25_document(chunk.title, chunk.section, chunk.text),
                payload={
                    "id": chunk.id,
                    "article": chunk.article_id,
                    "ordinal": chunk.ordinal,
                    "title": chunk.title,
                    "url": chunk.url,
                    "source": source,
                    "section": chunk.section,
                    "start": chunk.start,
                    "end": chunk.end,
                    "text": chunk.text,
                    "sents": [offset for span in spans for offset in span],
                    "terms": packed,
                    "term_counts": counts,
                    "ts": chunk.ts,
                    "revision": revision,
                    "wikidata": wikidata,
                    "pagerank": pagerank,
                },
            )
        )
        row += 1 + len(spans)
    return points


def encode_article(article: Article, embedder: Embedder, pagerank: float) -> Point:
    """Encode an article's title and summary for the collection `articles`."""
    return Point(
        id=article.id,
        dense=embedder.embed([dense_text(article.title, "", article.summary)])[0],
        bm25=bm25_document(article.title, "", article.summary),
        payload={
            "id": article.id,
            "title": article.title,
            "url": article.url,
            "source": article.source,
            "summary": article.summary,
            "ts": article.ts,
            "revision": article.revision,
            "wikidata": article.wikidata,
            "pagerank": pagerank,
        },
    )


def pack_terms(sentences: Sequence[str]) -> tuple[str, list[int]]:
    """The term ids of some sentences, in order, as base64 of little-endian uint32, and how many each sentence has."""
    ids: list[int] = []
    counts: list[int] = []
    for sentence in sentences:
        found = [term_id(term) for term in terms(sentence)]
        ids += found
        counts.append(len(found))
    return base64.b64encode(np.array(ids, dtype="<u4").tobytes()).decode("ascii"), counts


def unpack_terms(packed: str) -> NDArray[np.uint32]:
    """Undo the first half of `pack_terms`."""
    return np.frombuffer(binascii.a2b_base64(packed), dtype="<u4")


def _spans(chunk: Chunk) -> tuple[tuple[int, int], ...]:
    return chunk.sentences or ((0, len(chunk.text)),)
