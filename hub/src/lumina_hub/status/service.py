"""The hub at a glance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from lumina_core.errors import CoreError
from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.progress import IndexerState
from lumina_hub.foundations import Foundations
from lumina_hub.status.backlog import count_pending
from lumina_hub.version import VERSION
from lumina_sdk.contract import EmbedderStatus, IndexerStatus, IndexStatus, RedisStatus, Status

__all__ = ["StatusService"]

_PART_TIMEOUT_S = 2.0
_CHUNKS = "chunks"
T = TypeVar("T")


class StatusService:
    """Asks every part; one that does not answer is left out, with a sentence that says so.

    Args:
        home: The data directory.
        parts: What is asked.
        indexer: What is asked how far the index is.
        count_turns: How many turns were kept.
        index_url: The Qdrant server's address, where it is not ours.
    """

    def __init__(
        self,
        home: Path,
        parts: Foundations,
        indexer: Indexer,
        count_turns: Callable[[], int],
        *,
        index_url: str | None,
    ) -> None:
        self._home = home
        self._parts = parts
        self._indexer = indexer
        self._count_turns = count_turns
        self._index_url = index_url
        self._began_s = time.monotonic()

    async def status(self) -> Status:
        problems: list[str] = []
        counts = await asyncio.to_thread(self._parts.graph.catalogue.counts)
        index, redis = await asyncio.gather(
            _asked("the index", self._index, problems), _asked("Redis", self._redis, problems)
        )
        turns = await asyncio.to_thread(self._count_turns)
        indexer = await asyncio.to_thread(self._index_state, problems)
        info = self._parts.embedder.info
        return Status(
            version=VERSION,
            uptime_s=round(time.monotonic() - self._began_s, 1),
            home=str(self._home),
            articles=counts.articles,
            redirects=counts.redirects,
            links=counts.links,
            chunks=index.chunks if index is not None else 0,
            turns=turns,
            index=index,
            redis=redis,
            embedder=EmbedderStatus(name=info.name, model=info.model, precision=info.precision, dim=info.dim),
            indexer=indexer,
            problems=tuple(problems),
        )

    async def _index(self) -> IndexStatus:
        info = await self._parts.store.info(_CHUNKS)
        return IndexStatus(
            driver=info.driver,
            version=info.version,
            chunks=info.points,
            indexed=info.indexed,
            disk_bytes=info.disk_bytes,
            url=self._index_url,
        )

    async def _redis(self) -> RedisStatus:
        await self._parts.redis.ping()
        service = self._parts.redis_service
        path = str(service.path) if service.path is not None else None
        return RedisStatus(version=service.version, embedded=service.path is not None, path=path)

    def _index_state(self, problems: list[str]) -> IndexerStatus:
        progress = self._indexer.progress
        if progress.error is not None:
            problems.append(f"the indexer: {progress.error}")
        return IndexerStatus(
            alive=progress.state not in (IndexerState.CRASHED, IndexerState.STOPPED),
            state=progress.state.value,
            activity=progress.activity,
            indexed=progress.articles,
            pending=count_pending(self._parts.graph.catalogue, progress.position),
            chunks_per_s=round(progress.chunks_per_s, 1) or None,
        )


async def _asked(name: str, ask: Callable[[], Awaitable[T]], problems: list[str]) -> T | None:
    try:
        async with asyncio.timeout(_PART_TIMEOUT_S):
            return await ask()
    except TimeoutError:
        problems.append(f"{name} does not answer within {_PART_TIMEOUT_S:g} s")
    except CoreError as error:
        problems.append(f"{name}: {error.message}")
    return None
