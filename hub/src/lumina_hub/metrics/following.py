"""Metrics of what other processes do, taken from what they say."""

from __future__ import annotations

from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.progress import IndexProgress
from lumina_hub.metrics.registry import Metrics

__all__ = ["follow_indexer", "newly_indexed"]


async def follow_indexer(indexer: Indexer, metrics: Metrics) -> None:
    """Count the vectors the indexer writes, until cancelled."""
    seen = indexer.progress
    while True:
        now = await indexer.next_progress(seen)
        metrics.vectors_indexed.inc(newly_indexed(seen, now))
        seen = now


def newly_indexed(before: IndexProgress, after: IndexProgress) -> int:
    """Chunks written between two reports. What was there when the indexer first spoke was written in another life."""
    if before.rebuild == 0:
        return 0
    return max(0, after.chunks - before.chunks if after.rebuild == before.rebuild else after.chunks)
