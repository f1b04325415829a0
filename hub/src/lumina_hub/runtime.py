"""The parts of a running hub, opened in order and closed in the reverse one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from lumina_core.errors import DependencyDown
from lumina_core.graph.layout import LogPosition
from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.progress import IndexerState
from lumina_hub.auth.tokens import OwnerTokenStore
from lumina_hub.chat.service import ChatService
from lumina_hub.foundations import Foundations, open_foundations
from lumina_hub.graph.service import GraphService
from lumina_hub.health.service import Check, HealthService
from lumina_hub.home import Home
from lumina_hub.ingest.reading import read_source
from lumina_hub.ingest.service import IngestService
from lumina_hub.ingest.store import JobStore
from lumina_hub.metrics.registry import Metrics
from lumina_hub.reindex.service import ReindexService
from lumina_hub.search.service import SearchService
from lumina_hub.settings import Settings
from lumina_hub.starter import learn_starter
from lumina_hub.status.service import StatusService

__all__ = ["Runtime", "open_runtime"]

_STARTER_PATIENCE_S = 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the routes use."""

    home: Home
    owner: OwnerTokenStore
    chat: ChatService
    graph: GraphService
    health: HealthService
    ingest: IngestService
    reindex: ReindexService
    search: SearchService
    status: StatusService


@asynccontextmanager
async def open_runtime(settings: Settings, metrics: Metrics) -> AsyncIterator[Runtime]:
    """Hold the home and everything in it while the block runs.

    Raises:
        HomeLocked: another process holds the home, or its graph directory.
        CoreError: a part cannot be opened; those that were are closed again.
    """
    began_s = time.monotonic()
    home = Home.open(settings.home)
    async with AsyncExitStack() as stack:
        stack.enter_context(home.lock(now=time.time()))
        owner = OwnerTokenStore(home.owner_token())
        parts = await stack.enter_async_context(open_foundations(settings))
        starter = await asyncio.to_thread(learn_starter, parts.graph, home.path) if settings.starter else None
        indexer = await stack.enter_async_context(_indexer(parts, settings))
        ingest = IngestService(
            parts.graph,
            indexer,
            JobStore(parts.redis),
            read_source(parts.graph, parts.worker_settings.catalogue),
            metrics,
        )
        stack.push_async_callback(ingest.close)
        await _until_searchable(indexer, starter)
        await ingest.resume()
        metrics.up_since.set(time.time())
        _log.info("hub_open", home=str(home.path), took_s=round(time.monotonic() - began_s, 2))
        yield Runtime(
            home=home,
            owner=owner,
            chat=ChatService(),
            graph=GraphService(parts.graph, on_change=indexer.poke),
            health=HealthService(_checks(parts, indexer)),
            ingest=ingest,
            reindex=ReindexService(indexer, parts.graph, parts.worker_settings.cursor),
            search=SearchService(),
            status=StatusService(home.path, parts, indexer, _no_turns, index_url=settings.qdrant_url),
        )


async def _no_turns() -> int:
    return 0


@asynccontextmanager
async def _indexer(parts: Foundations, settings: Settings) -> AsyncIterator[Indexer]:
    logs = settings.home / "logs"
    await asyncio.to_thread(logs.mkdir, mode=0o700, parents=True, exist_ok=True)
    indexer = await Indexer.start(parts.worker_settings, log_file=logs / "indexer.log")
    try:
        yield indexer
    finally:
        await indexer.stop()


async def _until_searchable(indexer: Indexer, position: LogPosition | None) -> None:
    """Wait on the first start, so that the first question finds what Lumina says of itself."""
    if position is None:
        return
    try:
        async with asyncio.timeout(_STARTER_PATIENCE_S):
            await indexer.wait_until(position)
    except (TimeoutError, DependencyDown) as error:
        _log.warning("starter_not_indexed_yet", error=str(error) or "it takes long")


def _checks(parts: Foundations, indexer: Indexer) -> dict[str, Check]:
    async def redis() -> None:
        await parts.redis.ping()

    async def vector_store() -> None:
        await parts.store.info("chunks")

    async def following() -> None:
        progress = indexer.progress
        if progress.state in (IndexerState.CRASHED, IndexerState.STOPPED):
            raise DependencyDown(progress.error or "the indexer does not run")

    return {"redis": redis, "vector_store": vector_store, "indexer": following}
