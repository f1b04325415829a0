"""Whose turn it is in the index process, where only one Edge call can run at a time.

Searches go first, clients take turns, and a write that waits gets its turn after a bounded number of searches. The
calls of one client run in its order within each of the two kinds; a search may overtake a write not yet acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

__all__ = ["Job", "Schedule"]

_READS_BEFORE_A_WRITE = 16
_QUIET_S = 0.25


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run in one go: a call of `client`, on `collection`."""

    client: Hashable
    collection: str
    writes: bool
    run: Callable[[], None]


@dataclass(slots=True)
class _Line:
    """The clients that wait, in turn, each with its jobs in order."""

    jobs: dict[Hashable, deque[Job]] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        self.jobs.setdefault(job.client, deque()).append(job)

    def take(self, held: frozenset[str] = frozenset()) -> Job | None:
        """The next job whose collection is not held; its client goes to the end of the line."""
        for client, waiting in self.jobs.items():
            if waiting[0].collection not in held:
                del self.jobs[client]
                job = waiting.popleft()
                if waiting:
                    self.jobs[client] = waiting
                return job
        return None

    def drop(self, client: Hashable) -> None:
        self.jobs.pop(client, None)


class Schedule:
    """The queues. `hold` makes the writes to a collection wait, its searches go on."""

    def __init__(self) -> None:
        self._reads = _Line()
        self._writes = _Line()
        self._held: frozenset[str] = frozenset()
        self._reads_in_a_row = 0
        self._wake = asyncio.Event()
        self._read_at = float("-inf")

    def add(self, job: Job) -> None:
        (self._writes if job.writes else self._reads).add(job)
        if not job.writes:
            self._read_at = time.monotonic()
        self._wake.set()

    def hold(self, collection: str) -> None:
        self._held |= {collection}

    def release(self, collection: str) -> None:
        self._held -= {collection}
        self._wake.set()

    def drop_reads(self, client: Hashable) -> None:
        """Forget the searches of a client that has gone. Its writes stay: it may have sent them and left."""
        self._reads.drop(client)

    async def quiet(self, patience_s: float) -> None:
        """Wait until no search has come for a moment, or for so long: the time for what holds everything up."""
        deadline = time.monotonic() + patience_s
        while (now := time.monotonic()) < min(self._read_at + _QUIET_S, deadline):  # noqa: ASYNC110 — it moves
            await asyncio.sleep(min(self._read_at + _QUIET_S, deadline) - now)

    def waiting(self, client: Hashable) -> int:
        return sum(len(line.jobs.get(client, ())) for line in (self._reads, self._writes))

    def next(self) -> Job | None:
        if self._reads_in_a_row >= _READS_BEFORE_A_WRITE and (job := self._writes.take(self._held)):
            self._reads_in_a_row = 0
            return job
        if job := self._reads.take():
            self._reads_in_a_row += 1
            return job
        self._reads_in_a_row = 0
        return self._writes.take(self._held)

    async def run(self) -> None:
        """Run jobs for ever, reading the sockets between any two of them."""
        while True:
            job = self.next()
            if job is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            job.run()
            await asyncio.sleep(0)

    def drain(self) -> None:
        """Run what still waits and is not held; for an orderly stop."""
        while job := self.next():
            job.run()
