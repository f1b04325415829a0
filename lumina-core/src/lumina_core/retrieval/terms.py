"""What the index knows about the terms of a question."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import Query, SparseVector, VectorStore
from lumina_core.text.analysis import STOPWORDS, stem, term_id, words

__all__ = ["QuestionTerms", "TermStatistics", "question_words"]

_CACHE_TERMS = 20_000
_FRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class QuestionTerms:
    """The distinct terms of a question, in order of first appearance.

    `idf` is `(n,)` float64, the index's own for known terms and that of a term in no chunk for unknown ones;
    `known` is `(n,)` bool. `pairs` are positions of terms that stand beside each other in the question.
    """

    words: tuple[str, ...]
    ids: NDArray[np.uint32]
    idf: NDArray[np.float64]
    known: NDArray[np.bool_]
    pairs: tuple[tuple[int, int], ...]

    @property
    def total_idf(self) -> float:
        """The whole weight a chunk could match; at least a little, so that one may divide by it."""
        return max(float(self.idf.sum()), 1e-6)


def question_words(question: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The distinct words of a question that carry a topic, and which of them are neighbours there."""
    found = [word for word in words(question) if word not in STOPWORDS] or words(question)
    order: dict[str, int] = {}
    kept: list[str] = []
    sequence: list[int] = []
    for word in found:
        term = stem(word)
        if term not in order:
            order[term] = len(kept)
            kept.append(word)
        sequence.append(order[term])
    pairs = list(dict.fromkeys((a, b) for a, b in pairwise(sequence) if a != b))
    return kept, pairs


class TermStatistics:
    """Inverse document frequencies, read off the vector store, so that they are the very ones BM25 is scored with.

    A search for one term alone scores its best chunk `idf x weight`, and the weight stands in that chunk's own vector.
    That costs two round trips for terms not met in the last minute, and no state of ours that could disagree with
    the index.
    """

    def __init__(self, store: VectorStore, collection: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._collection = collection
        self._clock = clock
        self._cache: OrderedDict[int, tuple[float, float]] = OrderedDict()
        self._count: tuple[float, int] | None = None

    async def of(self, question: str) -> QuestionTerms:
        """Look up the terms of a question."""
        kept, pairs = question_words(question)
        ids = np.array([term_id(stem(word)) for word in kept], dtype=np.uint32)
        found = await self._lookup([int(key) for key in ids])
        known = np.array([value > 0.0 for value in found], dtype=np.bool_)
        chunks = await self._chunks() if not known.all() else 0
        unseen = math.log(1.0 + (chunks + 0.5) / 0.5)
        idf = np.array([value if value > 0.0 else unseen for value in found], dtype=np.float64)
        return QuestionTerms(tuple(kept), ids, idf, known, tuple(pairs))

    def forget(self) -> None:
        """Drop what is cached; for tests and after a reindex."""
        self._cache.clear()
        self._count = None

    async def _chunks(self) -> int:
        now = self._clock()
        if self._count is None or now - self._count[0] > _FRESH_S:
            self._count = (now, await self._store.count(self._collection))
        return self._count[1]

    async def _lookup(self, ids: Sequence[int]) -> list[float]:
        now = self._clock()
        found = {key: self._cache[key][1] for key in ids if key in self._cache and self._is_fresh(key, now)}
        stale = [key for key in ids if key not in found]
        if stale:
            for key, value in zip(stale, await self._measure(stale), strict=True):
                found[key] = value
                if value > 0.0:  # what is unknown now may be read the next moment: it is asked for every time
                    self._cache[key] = (now, value)
                    self._cache.move_to_end(key)
            while len(self._cache) > _CACHE_TERMS:
                self._cache.popitem(last=False)
        return [found[key] for key in ids]

    def _is_fresh(self, key: int, now: float) -> bool:
        return now - self._cache[key][0] <= _FRESH_S

    async def _measure(self, ids: Sequence[int]) -> list[float]:
        one = np.ones(1, dtype=np.float32)
        queries = [Query("bm25", SparseVector(np.array([key], dtype=np.uint32), one), limit=1) for key in ids]
        best = [hits[0] if hits else None for hits in await self._store.query(self._collection, queries)]
        carriers = {hit.id for hit in best if hit is not None}
        records = await self._store.retrieve(self._collection, sorted(carriers), payload=("id",), vectors=("bm25",))
        vectors = {record.id: record.bm25 for record in records}
        measured = []
        for key, hit in zip(ids, best, strict=True):
            vector = vectors.get(hit.id) if hit is not None else None
            measured.append(0.0 if hit is None or vector is None else hit.score / _weight(vector, key))
        return measured


def _weight(vector: SparseVector, key: int) -> float:
    place = int(np.searchsorted(vector.indices, key))
    if place < len(vector.indices) and int(vector.indices[place]) == key:
        return float(vector.values[place])
    return math.inf  # replaced between the two calls: counts as unknown until the next look
