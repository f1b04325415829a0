"""A throw-away index of a question set's paragraphs, and what the questions bring back from it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lumina_core.documents import Article, ArticleId, Section, article_id, fingerprint
from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import COLLECTIONS, Filter, Match, VectorStore
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.evaluation.squad import Paragraph, Question, SquadSet
from lumina_core.retrieval.encoding import encode_chunks
from lumina_core.retrieval.hits import SearchResult
from lumina_core.retrieval.search import Searcher
from lumina_core.text.chunking import chunk_article

__all__ = ["Asked", "PassageIndex", "Progress", "passage_index"]

Progress = Callable[[int, int], None]

_HITS = 10
_CHUNKS_A_BATCH = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what a search found. `rank` is its paragraph's among the paragraphs found, from 1, or None."""

    question: Question
    result: SearchResult
    rank: int | None
    took_s: float


class PassageIndex:
    """The paragraphs of a set in an index of their own. A paragraph is a section of its article, so that no chunk
    holds parts of two; one that is longer than a chunk becomes several."""

    def __init__(self, store: VectorStore, embedder: Embedder, paragraphs: Sequence[Paragraph]) -> None:
        self._store = store
        self._embedder = embedder
        self._articles = _articles(paragraphs)
        self._spans = {article.id: article.sections for article, _ in self._articles}
        self._first = {article.id: first for article, first in self._articles}
        self._ids = {paragraphs[first].article: article.id for article, first in self._articles}
        self.searcher = Searcher(store, embedder)

    async def fill(self, progress: Progress | None = None) -> None:
        """Index everything; `progress` counts articles."""
        await self._store.ensure(next(spec for spec in COLLECTIONS if spec.name == "chunks"))
        for done, (article, _) in enumerate(self._articles, start=1):
            chunks = chunk_article(article)
            for start in range(0, len(chunks), _CHUNKS_A_BATCH):
                points = encode_chunks(
                    chunks[start : start + _CHUNKS_A_BATCH],
                    self._embedder,
                    source=article.source,
                    wikidata=None,
                    revision=article.revision,
                    pagerank=1.0,
                )
                await self._store.upsert("chunks", points)
            if progress is not None:
                progress(done, len(self._articles))
        await self._store.optimise("chunks")

    async def forget(self, articles: Iterable[int]) -> None:
        """Remove articles, by their number in the file."""
        ids = tuple(str(self._ids[number]) for number in articles)
        await self._store.delete("chunks", Filter(must=(Match("article", ids),)))
        self.searcher = Searcher(self._store, self._embedder)

    async def ask(self, question: Question, *, limit: int = _HITS) -> Asked:
        started = time.perf_counter()
        result = await self.searcher.search(question.text, limit=limit)
        took_s = time.perf_counter() - started
        found = list(dict.fromkeys(self._paragraph(hit.article_id, hit.start) for hit in result.hits))
        rank = found.index(question.paragraph) + 1 if question.paragraph in found else None
        return Asked(question, result, rank, took_s)

    def _paragraph(self, article: ArticleId, start: int) -> int:
        sections = self._spans[article]
        return self._first[article] + next(i for i, section in enumerate(sections) if start < section.end)


@asynccontextmanager
async def passage_index(
    squad: SquadSet, embedder: Embedder, progress: Progress | None = None
) -> AsyncIterator[PassageIndex]:
    """Index a set's paragraphs in a temporary directory, which goes with the context."""
    with tempfile.TemporaryDirectory(prefix="lumina-eval-") as folder:
        store = await EdgeStore.start(Path(folder))
        try:
            index = PassageIndex(store, embedder, squad.paragraphs)
            await index.fill(progress)
            yield index
        finally:
            await store.close()


def _articles(paragraphs: Sequence[Paragraph]) -> list[tuple[Article, int]]:
    """Each article with the index of its first paragraph."""
    grouped: dict[int, list[Paragraph]] = {}
    for paragraph in paragraphs:
        grouped.setdefault(paragraph.article, []).append(paragraph)
    made = []
    first = 0
    for number, members in grouped.items():
        text, sections = "", []
        for paragraph in members:
            start = len(text)
            text += paragraph.text
            sections.append(Section("", 1, (), start, len(text)))
            text += "\n\n"
        article = Article(
            id=article_id("squad", f"{number}/{members[0].title}"),
            title=members[0].title,
            url="",
            source="squad",
            revision="1",
            ts=0.0,
            text=text,
            summary="",
            fingerprint=fingerprint(text),
        )
        made.append((replace(article, sections=tuple(sections)), first))
        first += len(members)
    return made
