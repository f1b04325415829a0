"""How many threads may embed at once: a number that may change while they do."""

from __future__ import annotations

import threading
from types import TracebackType

__all__ = ["Allowance"]


class Allowance:
    """A semaphore that can be resized. Threads beyond a smaller number finish the batch they have begun."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._taken = 0
        self._changed = threading.Condition()

    def resize(self, threads: int) -> None:
        with self._changed:
            self._threads = threads
            self._changed.notify_all()

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._threads)
            self._taken += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._taken -= 1
            self._changed.notify()
