"""Rebuilding the index, for the routes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.request import load_request
from lumina_sdk.contract import Reindex, ReindexState

__all__ = ["ReindexService"]


class ReindexService:
    """What the indexer says about a rebuild, in the words of the contract.

    Args:
        indexer: Carries it out.
        graph: What the index is rebuilt from.
        cursor: The indexer's; a request that is not carried out yet lies beside it.
    """

    def __init__(self, indexer: Indexer, graph: KnowledgeGraph, cursor: Path) -> None:
        self._indexer = indexer
        self._graph = graph
        self._request_path = cursor.with_name("reindex.json")

    async def start(self) -> Reindex:
        """Ask for a rebuild; it will happen once this returns, crashes or not. Raises `StorageFull`."""
        await self._indexer.reindex()
        return await self.progress()

    async def progress(self) -> Reindex:
        is_asked_for = await asyncio.to_thread(self._is_asked_for)
        articles = self._graph.catalogue.counts().articles
        progress = self._indexer.progress
        rebuilding = progress.rebuilding
        if rebuilding is None and not is_asked_for:
            return Reindex(state=ReindexState.IDLE, done=articles, total=articles)
        error = progress.error or self._indexer.reindex_error
        return Reindex(
            state=ReindexState.FAILED if error is not None else ReindexState.RUNNING,
            done=rebuilding.done if rebuilding is not None else 0,
            total=rebuilding.total if rebuilding is not None else articles,
            chunks_per_s=round(progress.chunks_per_s, 1) or None,
            eta_s=rebuilding.eta_s if rebuilding is not None else None,
            error=error,
        )

    def _is_asked_for(self) -> bool:
        return load_request(self._request_path) is not None
