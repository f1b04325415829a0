"""What every question of a set brings back, with everything indexed and with half of the articles removed."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.fit.sets import Case, QuestionSet

from lumina_core.documents import ArticleId
from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import COLLECTIONS, Filter, Match
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.retrieval.encoding import encode_chunks
from lumina_core.retrieval.hits import SearchResult
from lumina_core.retrieval.search import Searcher

__all__ = ["EVERYTHING", "Found", "collect", "halves"]

EVERYTHING = -1
"""The round in which no article is missing."""

DEPTH = 40
"""As many hits as the ranking is fitted on."""

_CHUNKS_A_BATCH = 64


@dataclass(frozen=True, slots=True)
class Found:
    """A case in one round. `is_there` says whether its article was in the index."""

    case: Case
    round: int
    is_there: bool
    result: SearchResult


def halves(count: int, splits: int, seed: int) -> list[frozenset[int]]:
    """Articles to remove, by round: each split gives two rounds, a random half and the other one."""
    rng = random.Random(seed)
    rounds = []
    for _ in range(splits):
        half = frozenset(rng.sample(range(count), count // 2))
        rounds += [half, frozenset(range(count)) - half]
    return rounds


async def collect(questions: QuestionSet, embedder: Embedder, *, splits: int, seed: int) -> list[Found]:
    """Ask every case once with everything there, and the answerable ones once in every round."""
    with tempfile.TemporaryDirectory(prefix="lumina-fit-") as folder:
        store = await EdgeStore.start(Path(folder))
        try:
            await store.ensure(next(spec for spec in COLLECTIONS if spec.name == "chunks"))
            numbers = range(len(questions.articles))
            await _add(store, embedder, questions, numbers)
            found = await _ask(store, embedder, questions.cases, EVERYTHING, frozenset())
            answerable = [case for case in questions.cases if not case.is_impossible]
            for number, gone in enumerate(halves(len(questions.articles), splits, seed)):
                ids: tuple[ArticleId, ...] = tuple(questions.articles[place].id for place in sorted(gone))
                await store.delete("chunks", Filter(must=(Match("article", ids),)))
                found += await _ask(store, embedder, answerable, number, gone)
                await _add(store, embedder, questions, gone)
            return found
        finally:
            await store.close()


async def _add(store: EdgeStore, embedder: Embedder, questions: QuestionSet, numbers: Iterable[int]) -> None:
    for number in numbers:
        article, chunks = questions.articles[number], questions.chunks[number]
        for start in range(0, len(chunks), _CHUNKS_A_BATCH):
            part = chunks[start : start + _CHUNKS_A_BATCH]
            points = encode_chunks(
                part, embedder, source=article.source, wikidata=None, revision=article.revision, pagerank=1.0
            )
            await store.upsert("chunks", points)


async def _ask(
    store: EdgeStore, embedder: Embedder, cases: Iterable[Case], number: int, gone: frozenset[int]
) -> list[Found]:
    searcher = Searcher(store, embedder)  # a new one each round: it remembers the terms of the index
    return [
        Found(case, number, case.article not in gone, await searcher.search(case.question, limit=DEPTH))
        for case in cases
    ]
