"""Search in two stages, over dense vectors, BM25, sentences and the link graph.

Stage one takes the best chunks of the dense and the BM25 index and scores all of them by all three vectors. Stage two
takes the best of these and looks at their sentences, one by one, densely and lexically. Both stages look at a bounded
number of chunks, however many there are: see `Depth`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina_core.documents import ArticleId, ChunkId
from lumina_core.drivers.embedder import Embedder, Vectors
from lumina_core.drivers.vector_store import Filter, Query, Record, SparseVector, StoreHit, VectorStore
from lumina_core.retrieval.encoding import unpack_terms
from lumina_core.retrieval.hits import Hit, QuerySignals, SearchResult, SentenceScore
from lumina_core.retrieval.scoring import (
    ChunkTerms,
    SentenceMatch,
    Weights,
    contributions,
    match_sentences,
    opening,
    title,
)
from lumina_core.retrieval.terms import QuestionTerms, TermStatistics
from lumina_core.text.analysis import bm25_query, term_id, terms

__all__ = ["Depth", "Searcher"]

_COLLECTION = "chunks"
_MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class Depth:
    """How many chunks each stage looks at: `first` from each index, `second` by their sentences."""

    first: int = 100
    second: int = 40


@dataclass(slots=True)
class _Stage1:
    dense: float = 0.0
    sentence: float = 0.0
    bm25: float = 0.0


class Searcher:
    """Finds chunks for a question. Owns nothing: store and embedder are closed by whoever opened them."""

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        *,
        executor: Executor | None = None,
        weights: Weights | None = None,
        depth: Depth | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._executor = executor
        self._weights = weights or Weights()
        self._depth = depth or Depth()
        self._statistics = TermStatistics(store, _COLLECTION)

    async def search(self, query: str, *, limit: int = 10, filter: Filter | None = None) -> SearchResult:
        """Find the chunks that fit a question best.

        Args:
            query: A question or some words.
            limit: At most this many hits. Those beyond `Depth.second` carry no sentences.
            filter: What the chunks must satisfy.

        Returns:
            Hits by falling score, ties by chunk id; their contributions sum to the score.

        Raises:
            VectorStoreDown: the store does not answer.
            EmbedderDown: the question cannot be embedded.
        """
        took: dict[str, float] = {}
        started = time.perf_counter()
        sparse, depth = bm25_query(query), max(limit, self._depth.first)
        embedding = asyncio.get_running_loop().run_in_executor(self._executor, self._embedder.embed_query, query)
        # What needs no vector is looked up while another thread makes it.
        vector, question, (lexical,) = await asyncio.gather(
            embedding,
            self._statistics.of(query),
            self._store.query(_COLLECTION, [Query("bm25", sparse, depth, filter)]),
        )
        started = _lap(took, "question", started)

        scores = await self._first_stage(vector, sparse, lexical, filter, depth)
        started = _lap(took, "candidates", started)

        ranked = sorted(scores, key=lambda key: (-self._first_score(scores[key]), key))
        second = ranked[: self._depth.second]
        hits = await self._second_stage(second, scores, vector, question)
        if limit > len(second):
            hits += await self._plain(ranked[len(second) : limit], scores, below=hits[-1].score if hits else None)
        _lap(took, "sentences", started)
        return SearchResult(query, tuple(hits[:limit]), _signals(question, scores, hits), took)

    async def _first_stage(
        self, vector: Vectors, sparse: SparseVector, lexical: list[StoreHit], filter: Filter | None, depth: int
    ) -> dict[str, _Stage1]:
        (dense,) = await self._store.query(_COLLECTION, [Query("dense", vector, depth, filter)])
        union = tuple(dict.fromkeys(hit.id for hits in (dense, lexical) for hit in hits))
        scores = {key: _Stage1() for key in union}
        if not union:
            return scores
        among = Filter(ids=union)
        everything = await self._store.query(
            _COLLECTION,
            [
                Query("dense", vector, len(union), among, exact=True),
                Query("sentences", vector, len(union), among, exact=True),
                Query("bm25", sparse, len(union), among),
            ],
        )
        for name, hits in zip(("dense", "sentence", "bm25"), everything, strict=True):
            for hit in hits:
                if hit.id in scores:
                    setattr(scores[hit.id], name, hit.score)
        return scores

    def _first_score(self, stage1: _Stage1) -> float:
        weights = self._weights
        return (
            weights.dense * stage1.dense
            + (weights.sentence + weights.joint) * stage1.sentence
            + weights.bm25 * stage1.bm25
        )

    async def _second_stage(
        self, ids: list[str], scores: Mapping[str, _Stage1], vector: Vectors, question: QuestionTerms
    ) -> list[Hit]:
        half = (len(ids) + 1) // 2
        # The store reads the second half while we judge the first.
        parts = [
            asyncio.create_task(self._store.retrieve(_COLLECTION, part, vectors=("sentences",)))
            for part in (ids[:half], ids[half:])
            if part
        ]
        try:
            hits = [hit for part in parts for hit in self._judge(await part, scores, vector, question)]
        finally:
            for part in parts:
                part.cancel()
        hits.sort(key=lambda hit: (-hit.score, hit.chunk_id))
        return hits

    def _judge(
        self, records: Sequence[Record], scores: Mapping[str, _Stage1], vector: Vectors, question: QuestionTerms
    ) -> list[Hit]:
        matches = match_sentences(question, [_chunk_terms(record.payload) for record in records])
        return [
            self._hit(record, scores[record.id], vector, question, match)
            for record, match in zip(records, matches, strict=True)
        ]

    def _hit(
        self, record: Record, stage1: _Stage1, vector: Vectors, question: QuestionTerms, match: SentenceMatch
    ) -> Hit:
        weights, payload = self._weights, record.payload
        assert record.sentences is not None  # noqa: S101  asked for above
        dense: NDArray[np.float32] = record.sentences @ vector
        lexical = weights.sentence_lexical * match.lexical + weights.sentence_context * match.context
        joint = dense + lexical + weights.sentence_pairs * match.pairs
        about = title(question, _term_ids(payload["title"]))
        parts = contributions(
            weights,
            dense=stage1.dense,
            lexical_nats=match.chunk * question.total_idf,
            sentence=float(dense.max()),
            joint=float(joint.max()),
            title=about,
            opening=opening(about, payload["start"]),
            pagerank=float(payload["pagerank"]),
        )
        spans = payload["sents"]
        columns = (dense, match.lexical, match.context, match.pairs)
        sentences = tuple(map(SentenceScore, spans[::2], spans[1::2], *(column.tolist() for column in columns)))
        return _hit(payload, parts, stage1.dense, match.chunk, sentences)

    async def _plain(self, ids: list[str], scores: Mapping[str, _Stage1], *, below: float | None) -> list[Hit]:
        """Hits that only the first stage has seen. Its scores run higher than those of the second: what brings them
        all under the last hit of that one is a contribution of its own, `unread`."""
        weights = self._weights
        lift = max((self._first_score(scores[key]) for key in ids), default=0.0) - (below or 0.0)
        unread = {"unread": -lift - _MARGIN} if below is not None and lift > -_MARGIN else {}
        hits = []
        for record in await self._store.retrieve(_COLLECTION, ids):
            stage1 = scores[record.id]
            parts = {
                "dense": weights.dense * stage1.dense,
                "sentence": (weights.sentence + weights.joint) * stage1.sentence,
                "bm25": weights.bm25 * stage1.bm25,
                **unread,
            }
            hits.append(_hit(record.payload, parts, stage1.dense))
        hits.sort(key=lambda hit: (-hit.score, hit.chunk_id))
        return hits


def _chunk_terms(payload: Mapping[str, Any]) -> ChunkTerms:
    names = _term_ids(payload["title"]) + _term_ids(payload["section"])
    return ChunkTerms(unpack_terms(payload["terms"]), payload["term_counts"], names)


@lru_cache(maxsize=8192)
def _term_ids(text: str) -> tuple[int, ...]:
    """Of titles and headings: the same ones come again and again."""
    return tuple(term_id(term) for term in terms(text))


def _hit(
    payload: Mapping[str, Any],
    parts: Mapping[str, float],
    dense: float,
    coverage: float = 0.0,
    sentences: tuple[SentenceScore, ...] = (),
) -> Hit:
    return Hit(
        chunk_id=ChunkId(payload["id"]),
        article_id=ArticleId(payload["article"]),
        title=payload["title"],
        section=payload["section"],
        url=payload["url"],
        source=payload["source"],
        revision=payload["revision"],
        wikidata=payload.get("wikidata"),
        start=payload["start"],
        end=payload["end"],
        text=payload["text"],
        ts=payload["ts"],
        pagerank=payload["pagerank"],
        score=sum(parts.values()),
        contributions=parts,
        dense=dense,
        coverage=coverage,
        sentences=sentences,
    )


def _signals(question: QuestionTerms, scores: Mapping[str, _Stage1], hits: list[Hit]) -> QuerySignals:
    return QuerySignals(
        term_idf=dict(zip(question.words, map(float, question.idf), strict=True)),
        unknown_terms=tuple(word for word, known in zip(question.words, question.known, strict=True) if not known),
        best_dense=max((stage1.dense for stage1 in scores.values()), default=0.0),
        best_sentence=max((stage1.sentence for stage1 in scores.values()), default=0.0),
        best_coverage=max((hit.coverage for hit in hits), default=0.0),
    )


def _lap(took: dict[str, float], stage: str, since: float) -> float:
    now = time.perf_counter()
    took[stage] = now - since
    return now
