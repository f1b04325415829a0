"""A home without a hub: a real log, catalogue, index process and indexer, on small articles with known chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lumina_core.documents import Article, Redirect, article_id, fingerprint
from lumina_core.drivers.vector_store import Record
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog, LogPosition
from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.progress import EmbedderSpec, StoreSpec, WorkerSettings
from lumina_core.text.chunking import chunk_article

PATIENCE_S = 240.0


def make_article(name: str, *, paragraphs: int = 6, revision: str = "1", links: Sequence[str] = ()) -> Article:
    """An article with about one chunk to four paragraphs, whose words depend on its name and revision."""
    text = "\n\n".join(
        f"{name} is told of in revision {revision}, paragraph {number}, and what is told goes on for a while. "
        f"The thing to know of {name} in paragraph {number} is that there are many words, but not too many of them, "
        "so that a few paragraphs make a chunk."
        for number in range(paragraphs)
    )
    return Article(
        id=article_id("test", name),
        title=name,
        url=f"https://example.org/{name}",
        source="test",
        revision=revision,
        ts=1_700_000_000.0 + int(revision),
        text=text,
        summary=f"{name} is told of in revision {revision}.",
        fingerprint=fingerprint(text),
        links=tuple(links),
    )


@dataclass
class Workplace:
    """The parts an indexer works between. Close the ones that are yours."""

    path: Path
    graph: KnowledgeGraph
    store: EdgeStore
    settings: WorkerSettings

    def add(self, *items: Article | Redirect) -> LogPosition | None:
        return self.graph.add(items).position

    @asynccontextmanager
    async def indexer(self, **changes: object) -> AsyncIterator[Indexer]:
        options = {name: changes.pop(name) for name in ("on_reindex", "command") if name in changes}
        indexer = await Indexer.start(replace(self.settings, **changes), **options)  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield indexer
        finally:
            await indexer.stop()

    async def chunks(self) -> list[Record]:
        return await self._all("chunks")

    async def articles(self) -> list[Record]:
        return await self._all("articles")

    async def _all(self, collection: str) -> list[Record]:
        records: list[Record] = []
        after: str | None = None
        while True:
            page, after = await self.store.scroll(collection, after=after)
            records += page
            if after is None:
                return records


@pytest.fixture
async def workplace(tmp_path: Path, models_dir: Path) -> AsyncIterator[Workplace]:
    log = GraphLog.open(tmp_path / "graphs")
    catalogue = Catalogue.open(tmp_path / "catalogue.sqlite", tmp_path / "graphs")
    store = await EdgeStore.start(tmp_path / "index")
    settings = WorkerSettings(
        log_root=tmp_path / "graphs",
        catalogue=tmp_path / "catalogue.sqlite",
        cursor=tmp_path / "index" / "indexer.json",
        store=StoreSpec(socket=store.socket),
        embedder=EmbedderSpec(options={"models_dir": models_dir, "precision": "int8", "threads": 1}),
        niceness=0,  # the machine that runs the tests may be busy with others
        batch_chunks=4,
    )
    yield Workplace(tmp_path, KnowledgeGraph(log, catalogue), store, settings)
    await store.close()
    catalogue.close()
    log.close()


@pytest.fixture
def article() -> Callable[..., Article]:
    return make_article


@pytest.fixture
def chunk_ids() -> Callable[..., list[str]]:
    """The ids of all chunks of some articles, sorted."""

    def ids(*articles: Article) -> list[str]:
        return sorted(str(chunk.id) for article in articles for chunk in chunk_article(article))

    return ids
