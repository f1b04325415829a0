"""Search in two stages, over dense vectors, BM25, sentences and the link graph.

Stage one takes the best chunks of the dense and of the BM25 index. Stage two compares the question with all of these,
densely and lexically, sentence by sentence. Its work is bounded, however many chunks there are: see `Searcher`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lumina_core.documents import ArticleId, ChunkId
from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import Comparison, Filter, Query, VectorStore
from lumina_core.retrieval.encoding import unpack_terms
from lumina_core.retrieval.hits import Hit, QuerySignals, SearchResult, SentenceScore
from lumina_core.retrieval.scoring import (
    Floats,
    Passages,
    TermMatch,
    Weights,
    about,
    contributions,
    match_terms,
    opening,
)
from lumina_core.retrieval.terms import QuestionTerms, TermStatistics
from lumina_core.text.analysis import bm25_query, term_id, terms

__all__ = ["DEPTH", "Searcher"]

DEPTH = 100
"""How many chunks stage one takes from each index, or more where more hits are asked for."""

_COLLECTION = "chunks"
_COMPARED = ("title", "section", "start", "terms", "term_counts", "pagerank")


@dataclass(frozen=True, slots=True)
class _Judged:
    """Candidates with what stage two found: contributions `(n,)` by signal, and of their sentences the matches."""

    found: Comparison
    match: TermMatch
    parts: Mapping[str, Floats]

    @property
    def scores(self) -> Floats:
        return np.asarray(np.sum(list(self.parts.values()), axis=0), np.float64)


class Searcher:
    """Finds chunks for a question. Owns nothing: store and embedder are closed by whoever opened them.

    Args:
        executor: Where the question is embedded; None for asyncio's own threads.
        depth: See `DEPTH`.
    """

    def __init__(
        self,
        store: VectorStore,
        embedder: Embedder,
        *,
        executor: Executor | None = None,
        weights: Weights | None = None,
        depth: int = DEPTH,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._executor = executor
        self._weights = weights or Weights()
        self._depth = depth
        self._statistics = TermStatistics(store, _COLLECTION)

    async def search(self, query: str, *, limit: int = 10, filter: Filter | None = None) -> SearchResult:
        """Find the chunks that fit a question best.

        Args:
            query: A question or some words.
            limit: At most this many hits.
            filter: What the chunks must satisfy.

        Returns:
            Hits by falling score, ties by chunk id; their contributions sum to the score.

        Raises:
            VectorStoreDown: the store does not answer.
            EmbedderDown: the question cannot be embedded.
        """
        took: dict[str, float] = {}
        started = time.perf_counter()
        sparse, depth = bm25_query(query), max(limit, self._depth)
        embedding = asyncio.get_running_loop().run_in_executor(self._executor, self._embedder.embed_query, query)
        # What needs no vector is looked up while another thread makes it.
        vector, question, (lexical,) = await asyncio.gather(
            embedding,
            self._statistics.of(query),
            self._store.query(_COLLECTION, [Query("bm25", sparse, depth, filter)]),
        )
        started = _lap(took, "question", started)

        (dense,) = await self._store.query(_COLLECTION, [Query("dense", vector, depth, filter)])
        candidates = list(dict.fromkeys(hit.id for hits in (dense, lexical) for hit in hits))
        started = _lap(took, "candidates", started)

        found = await self._store.compare(_COLLECTION, vector, candidates, payload=_COMPARED)
        judged = self._judge(found, question)
        started = _lap(took, "comparison", started)

        hits = await self._read(judged, limit)
        _lap(took, "reading", started)
        return SearchResult(query, tuple(hits), _signals(question, judged), took)

    def _judge(self, found: Comparison, question: QuestionTerms) -> _Judged:
        weights, payloads = self._weights, found.payloads
        names = [_terms_of(payload["title"]) for payload in payloads]
        starts = np.array([payload["start"] for payload in payloads], np.float64)
        packed = [unpack_terms(payload["terms"]) for payload in payloads]
        passages = Passages(
            ids=np.concatenate(packed) if packed else np.empty(0, np.uint32),
            lengths=np.array([count for payload in payloads for count in payload["term_counts"]], np.int64),
            counts=found.counts,
            titles=[name | _terms_of(payload["section"]) for name, payload in zip(names, payloads, strict=True)],
        )
        match = match_terms(question, passages)
        dense, sentences = found.dense.astype(np.float64), found.sentences.astype(np.float64)
        lexical = weights.sentence_lexical * match.lexical + weights.sentence_context * match.context
        joint = sentences + lexical + weights.sentence_pairs * match.pairs
        named = about(question, names)
        firsts = np.cumsum(found.counts) - found.counts  # every chunk has at least one sentence
        parts = contributions(
            weights,
            dense=dense,
            lexical_nats=match.chunk * question.total_idf,
            sentence=np.maximum.reduceat(sentences, firsts) if len(firsts) else dense,
            joint=np.maximum.reduceat(joint, firsts) if len(firsts) else dense,
            title=named,
            opening=opening(named, starts),
            pagerank=np.array([payload["pagerank"] for payload in payloads], np.float64),
        )
        return _Judged(found, match, parts)

    async def _read(self, judged: _Judged, limit: int) -> list[Hit]:
        """The best candidates with their texts. One that was removed meanwhile is left out."""
        scores, ids = judged.scores.tolist(), judged.found.ids
        best = sorted(range(len(ids)), key=lambda place: (-scores[place], ids[place]))[:limit]
        records = await self._store.retrieve(_COLLECTION, [ids[place] for place in best])
        payloads = {record.id: record.payload for record in records}
        ends = np.cumsum(judged.found.counts).tolist()
        return [
            _hit(payloads[ids[place]], judged, place, slice(ends[place] - int(judged.found.counts[place]), ends[place]))
            for place in best
            if ids[place] in payloads
        ]


@lru_cache(maxsize=32_768)
def _terms_of(text: str) -> frozenset[int]:
    """Of a title or a heading: the same ones come again and again."""
    return frozenset(term_id(term) for term in terms(text))


def _hit(payload: Mapping[str, Any], judged: _Judged, place: int, rows: slice) -> Hit:
    parts = {name: float(values[place]) for name, values in judged.parts.items()}
    spans, match = payload["sents"], judged.match
    sentences: tuple[SentenceScore, ...] = ()
    if len(spans) == 2 * (rows.stop - rows.start):  # else it was replaced after it was compared
        sentences = tuple(
            map(
                SentenceScore,
                spans[::2],
                spans[1::2],
                judged.found.sentences[rows].tolist(),
                match.lexical[rows].tolist(),
                match.context[rows].tolist(),
                match.pairs[rows].tolist(),
            )
        )
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
        dense=float(judged.found.dense[place]),
        coverage=float(match.chunk[place]),
        sentences=sentences,
    )


def _signals(question: QuestionTerms, judged: _Judged) -> QuerySignals:
    found = judged.found
    return QuerySignals(
        term_idf=dict(zip(question.words, map(float, question.idf), strict=True)),
        unknown_terms=tuple(word for word, known in zip(question.words, question.known, strict=True) if not known),
        best_dense=float(found.dense.max(initial=0.0)),
        best_sentence=float(found.sentences.max(initial=0.0)),
        best_coverage=float(judged.match.chunk.max(initial=0.0)),
    )


def _lap(took: dict[str, float], stage: str, since: float) -> float:
    now = time.perf_counter()
    took[stage] = now - since
    return now
