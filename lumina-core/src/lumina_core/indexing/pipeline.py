"""Feeding the embedder: while some batches are embedded in threads, the next are cut and the last are written."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import TypeVar

__all__ = ["Slots", "in_order"]

In = TypeVar("In")
Out = TypeVar("Out")

AHEAD = 2
"""Batches cut and waiting beyond those being embedded, so that a slot that becomes free finds work at once."""


class Slots:
    """A semaphore whose size may change while it is held: holders beyond a smaller size finish what they do."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        return self._size

    def resize(self, size: int) -> None:
        self._size = size
        self._changed.set()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        while self._taken >= self._size:
            self._changed.clear()
            await self._changed.wait()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._changed.set()


async def in_order(
    source: Iterator[In],
    work: Callable[[In], Out],
    *,
    slots: Slots,
    cutting: Executor,
    working: Executor,
) -> AsyncGenerator[Out, None]:
    """Yield `work(item)` for each item of `source`, in its order, with as many at work at once as there are slots.

    `source` is advanced on `cutting` (one thread), `work` runs on `working`. At most `AHEAD` items more than slots are
    held. Closing the iterator early cancels what has not begun; what has begun is waited for nowhere.
    """
    loop = asyncio.get_running_loop()
    pending: deque[asyncio.Task[Out]] = deque()
    is_exhausted = False

    async def do(item: In) -> Out:
        async with slots.one():
            return await loop.run_in_executor(working, work, item)

    try:
        while True:
            while not is_exhausted and len(pending) < slots.size + AHEAD:
                taken = await loop.run_in_executor(cutting, _take, source)
                if taken:
                    pending.append(asyncio.create_task(do(taken[0])))
                else:
                    is_exhausted = True
            if not pending:
                return
            yield await pending.popleft()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _take(source: Iterator[In]) -> tuple[In, ...]:
    """The next item, or () at the end: a `StopIteration` cannot pass through a future."""
    for item in source:
        return (item,)
    return ()
