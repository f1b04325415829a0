"""What the indexer says of itself: counters, rates and the lines its parent reads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from lumina_core.indexing.progress import IndexerState, IndexProgress, Problem

__all__ = ["Reporter"]

RATE_WINDOW_S = 15.0
LINE_EVERY_S = 0.25
KEPT_PROBLEMS = 20


class Reporter:
    """Sends an `IndexProgress` when the state changes, and otherwise at most four a second."""

    def __init__(self, send: Callable[[IndexProgress], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._progress = IndexProgress()
        self._sent_at = float("-inf")
        self._samples: deque[tuple[float, int, int]] = deque()

    @property
    def progress(self) -> IndexProgress:
        return self._progress

    def update(self, state: IndexerState | None = None, *, now: bool = False, **changes: object) -> None:
        """Change fields of the progress. `now` sends the line whatever was sent a moment ago.

        A state other than `blocked` clears the error of the one before.
        """
        before = self._progress
        if state is not None:
            changes["state"] = state
            if state is not IndexerState.BLOCKED:
                changes.setdefault("error", None)
                changes.setdefault("hint", None)
            if state is not IndexerState.INDEXING:
                self._samples.clear()
                changes.setdefault("chunks_per_s", 0.0)
        self._progress = replace(before, **changes)  # type: ignore[arg-type]  # names are checked by replace
        if now or self._progress.state != before.state or self._clock() - self._sent_at >= LINE_EVERY_S:
            self._sent_at = self._clock()
            self._send(self._progress)

    def problems(self, found: tuple[Problem, ...]) -> None:
        if found:
            self.update(skipped=(*self._progress.skipped, *found)[-KEPT_PROBLEMS:])

    def rates(self, *, chunks: int, bytes_left: int) -> tuple[float, float | None]:
        """Note where the work is, and tell chunks a second and the seconds left, over the last `RATE_WINDOW_S`."""
        now = self._clock()
        self._samples.append((now, chunks, bytes_left))
        while len(self._samples) > 2 and now - self._samples[0][0] > RATE_WINDOW_S:
            self._samples.popleft()
        then, chunks_then, left_then = self._samples[0]
        if now <= then:
            return 0.0, None
        done = left_then - bytes_left
        eta_s = bytes_left * (now - then) / done if done > 0 else None
        return (chunks - chunks_then) / (now - then), eta_s
