"""What the hub does beside answering: recovery points, page ranks, scratchpads near their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from lumina_core.errors import CoreError
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.indexing.indexer import Indexer

__all__ = ["autosave", "keep_ranks", "running"]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(works: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run all of these while the block does. One that fails is logged and takes nothing else with it."""
    tasks = [asyncio.create_task(_logged(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def autosave(graph: KnowledgeGraph, *, every_s: float) -> None:
    """Make a recovery point now and then, for ever; none where nothing changed."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await asyncio.to_thread(graph.autosave)
        except CoreError as error:
            _log.warning("autosave_failed", reason=error.message)


async def keep_ranks(indexer: Indexer, graph: KnowledgeGraph) -> None:
    """Copy page ranks into the catalogue whenever the indexer has computed new ones, for ever."""
    kept: int | None = None
    progress = indexer.progress
    while True:
        if progress.ranked_changes is not None and progress.ranked_changes != kept:
            kept = progress.ranked_changes
            try:
                await asyncio.to_thread(lambda: graph.catalogue.set_ranks(indexer.page_ranks()))
            except CoreError as error:
                _log.warning("page_ranks_not_kept", reason=error.message)
        progress = await indexer.next_progress(progress)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        _log.exception("background_work_ended")
