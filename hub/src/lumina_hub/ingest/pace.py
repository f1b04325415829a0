"""How fast a job gets on, and when it will be done. The indexer is the slow part, so it is what is timed."""

from __future__ import annotations

import time
from pathlib import Path

from lumina_core.graph.layout import ARTICLES
from lumina_core.graph.reader import bytes_after
from lumina_core.indexing.progress import IndexProgress

__all__ = ["Pace"]

_SETTLED_S = 2.0


class Pace:
    """Measures in bytes of the log: how many wait to be indexed, and how many were since the job began.

    Args:
        root: The graph directory.
        progress: The indexer's, when the job begins.
    """

    def __init__(self, root: Path, progress: IndexProgress) -> None:
        self._root = root
        self._begun_s = time.monotonic()
        self._first = progress

    def chunks(self, progress: IndexProgress) -> int:
        """Chunks written to the index since the job began, whoever's they are."""
        if progress.rebuild != self._first.rebuild:
            return progress.chunks
        return max(0, progress.chunks - self._first.chunks)

    def eta_s(
        self, progress: IndexProgress, *, bytes_done: int, bytes_total: int | None, reading: bool
    ) -> float | None:
        """Seconds until everything is indexed; None while it cannot be told."""
        elapsed_s = time.monotonic() - self._begun_s
        appended = bytes_after(self._root, ARTICLES, self._first.position)
        waiting = bytes_after(self._root, ARTICLES, progress.position)
        indexed = appended - waiting
        if elapsed_s < _SETTLED_S or indexed <= 0:
            return None
        if reading:
            if not bytes_total or not bytes_done:
                return None
            waiting += round(appended * max(0, bytes_total - bytes_done) / bytes_done)
        return round(waiting * elapsed_s / indexed, 1)
