"""What the hub stands on: the graph, Redis, the vector store and the embedder, opened at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.embedders.loading import load_embedder
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.drivers.redis_server import ExternalRedis, RedisServer, RedisService
from lumina_core.drivers.vector_store import VectorStore
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog
from lumina_core.indexing.progress import EmbedderSpec, StoreSpec, WorkerSettings
from lumina_hub.settings import Settings
from lumina_hub.together import enter_together

__all__ = ["Foundations", "embedder_options", "open_foundations"]


@dataclass(frozen=True, slots=True)
class Foundations:
    """Parts that know nothing of each other."""

    log: GraphLog
    graph: KnowledgeGraph
    redis_service: RedisService
    redis: RedisClient
    store: VectorStore
    embedder: Embedder
    worker_settings: WorkerSettings


@asynccontextmanager
async def open_foundations(settings: Settings) -> AsyncIterator[Foundations]:
    """Open them all at once. Redis is closed last: what the others still have to say may go there."""
    async with AsyncExitStack() as stack:
        (service, client), (log, graph), (store, store_spec), embedder = await enter_together(
            stack, [_redis(settings), _graph(settings), _store(settings), _embedder(settings)]
        )
        yield Foundations(
            log=log,
            graph=graph,
            redis_service=service,
            redis=client,
            store=store,
            embedder=embedder,
            worker_settings=WorkerSettings(
                log_root=settings.graphs_dir,
                catalogue=_catalogue_path(settings),
                cursor=settings.home / "index" / "indexer.json",
                store=store_spec,
                embedder=EmbedderSpec(settings.embedder, embedder_options(settings)),
                niceness=settings.indexer_niceness,
            ),
        )


def embedder_options(settings: Settings) -> dict[str, Any]:
    """What the chosen driver's `load` is given. The remote ones need no folder, the local ones no address."""
    remote: dict[str, Any] = {
        "url": settings.embedder_url,
        "model": settings.embedder_model,
        "api_key": settings.embedder_api_key.get_secret_value() if settings.embedder_api_key else None,
    }
    given: dict[str, Any] = {name: value for name, value in remote.items() if value is not None}
    if settings.embedder == "onnx":
        given |= {"models_dir": settings.models_dir, "precision": settings.embedder_precision}
    return given


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[tuple[RedisService, RedisClient]]:
    service: RedisService
    if settings.redis_url is not None:
        service = await ExternalRedis.connect(settings.redis_url.get_secret_value())
    else:
        service = await RedisServer.start(
            settings.home / "redis", settings.redis_server, logs_dir=settings.home / "logs"
        )
    try:
        client = service.client()
        try:
            yield service, client
        finally:
            await client.aclose()
    finally:
        await service.stop()


@asynccontextmanager
async def _graph(settings: Settings) -> AsyncIterator[tuple[GraphLog, KnowledgeGraph]]:
    log = await asyncio.to_thread(GraphLog.open, settings.graphs_dir)
    try:
        catalogue = await asyncio.to_thread(Catalogue.open, _catalogue_path(settings), settings.graphs_dir)
        try:
            yield log, KnowledgeGraph(log, catalogue)
        finally:
            await asyncio.to_thread(catalogue.close)
    finally:
        await asyncio.to_thread(log.close)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[tuple[VectorStore, StoreSpec]]:
    store: VectorStore
    if settings.qdrant_url is not None:
        # Half of what the hub would otherwise import is this client, and most hubs do not use it.
        from lumina_core.drivers.vector_stores.server import ServerStore

        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        store = ServerStore(settings.qdrant_url, key, settings.qdrant_prefix)
        spec = StoreSpec(url=settings.qdrant_url, api_key=key, prefix=settings.qdrant_prefix)
    else:
        edge = await EdgeStore.start(settings.home / "index" / "edge")
        store, spec = edge, StoreSpec(socket=edge.socket)
    try:
        yield store, spec
    finally:
        await store.close()


@asynccontextmanager
async def _embedder(settings: Settings) -> AsyncIterator[Embedder]:
    options = embedder_options(settings)
    if settings.embedder == "onnx":
        options["threads"] = settings.embedder_threads
    embedder = await asyncio.to_thread(lambda: load_embedder(settings.embedder, **options))
    try:
        yield embedder
    finally:
        await asyncio.to_thread(embedder.close)


def _catalogue_path(settings: Settings) -> Path:
    return settings.home / "catalogue.sqlite"
