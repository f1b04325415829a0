"""What Lumina knows on its first start: its own documentation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import structlog

from lumina_core.documents import Article
from lumina_core.errors import DependencyDown
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.layout import LogPosition
from lumina_core.indexing.indexer import Indexer
from lumina_core.ingest.folder import Folder
from lumina_hub.metrics.registry import Metrics
from lumina_hub.version import VERSION

__all__ = ["SOURCE", "FirstKnowledge", "learn_starter"]

SOURCE = "lumina"
_MARK = "starter.version"
_PATIENCE_S = 60.0
_log = structlog.get_logger(__name__)


class FirstKnowledge:
    """Holds back the first questions until what was just learned can be found; afterwards it costs nothing."""

    def __init__(self, indexer: Indexer, position: LogPosition | None) -> None:
        self._waiting = asyncio.create_task(_until_indexed(indexer, position)) if position is not None else None

    @property
    def is_there(self) -> bool:
        return self._waiting is None or self._waiting.done()

    async def wait(self) -> None:
        """Return once it can be found, or after a minute in any case."""
        if self._waiting is not None and not self._waiting.done():
            await asyncio.shield(self._waiting)

    async def close(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)


async def _until_indexed(indexer: Indexer, position: LogPosition) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await indexer.wait_until(position)
    except (TimeoutError, DependencyDown) as error:
        _log.warning("starter_not_indexed_yet", error=str(error) or "it takes long")


def learn_starter(graph: KnowledgeGraph, home: Path, metrics: Metrics) -> LogPosition | None:
    """Add the documentation that ships with this version, unless this home has learned it.

    What somebody took out of the graph stays out until the next version, or until the graph is empty.

    Returns:
        How far the index must be to know it; None where there was nothing to learn.
    """
    mark = home / _MARK
    if graph.catalogue.counts().articles and mark.exists() and mark.read_text(encoding="utf-8").strip() == VERSION:
        return None
    with as_file(files("lumina_hub") / "starter") as folder:
        items = Folder(folder, name=SOURCE).items()
        articles = [replace(item, url=_address(item)) for item in items if isinstance(item, Article)]
    result = graph.add(articles)
    metrics.articles_ingested.labels(SOURCE).inc(result.added + result.changed)
    mark.write_text(VERSION + "\n", encoding="utf-8")
    return result.position if result.added or result.changed else None


def _address(article: Article) -> str:
    """An address that does not tell where this machine keeps its files."""
    return f"lumina:{article.url.rpartition('/')[2]}"
