"""Priority queues. Looking needs `read:queues`, adding and taking `write:queues`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.paths import part
from lumina_sdk.contract import (
    AddToQueue,
    QueueAdded,
    QueueItem,
    QueueItems,
    Queues,
    QueueSettled,
    SettleRequest,
    TakenItem,
    TakenItems,
    TakeRequest,
)

__all__ = ["QueuesApi"]

_QUEUES = "/api/v1/queues"


class QueuesApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> Queues:
        """The queues the caller may read."""
        return await self._connection.ask(Queues, "GET", _QUEUES)

    async def peek(self, queue: str, *, limit: int = 50) -> QueueItems:
        """What waits, the most urgent first; nothing is taken."""
        return await self._connection.ask(QueueItems, "GET", f"{_QUEUES}/{part(queue)}", params={"limit": limit})

    async def add(
        self, queue: str, *items: str | QueueItem, priority: float = 0, keep_priority: bool = False
    ) -> QueueAdded:
        """Put items into a queue; the lowest priority is taken first. One that is there already is not doubled."""
        whole = tuple(QueueItem(item=item, priority=priority) if isinstance(item, str) else item for item in items)
        body = AddToQueue(items=whole, keep_priority=keep_priority)
        return await self._connection.ask(QueueAdded, "POST", f"{_QUEUES}/{part(queue)}/items", body)

    async def take(self, queue: str, *, limit: int = 1, lease_s: float = 60, wait_s: float = 0) -> TakenItems:
        """Take items and hold them for `lease_s`, waiting up to `wait_s` for the first. `settle` them afterwards."""
        body = TakeRequest(limit=limit, lease_s=lease_s, wait_s=wait_s)
        return await self._connection.ask(TakenItems, "POST", f"{_QUEUES}/{part(queue)}/take", body, longer_s=wait_s)

    async def settle(self, queue: str, *, done: Sequence[str] = (), back: Sequence[str] = ()) -> QueueSettled:
        """Say what became of items taken, by their receipts."""
        body = SettleRequest(done=tuple(done), back=tuple(back))
        return await self._connection.ask(QueueSettled, "POST", f"{_QUEUES}/{part(queue)}/settle", body)

    @asynccontextmanager
    async def work(self, queue: str, *, lease_s: float = 60, wait_s: float = 0) -> AsyncGenerator[TakenItem | None]:
        """Take one item for the length of a `with`: done if it ends well, back in the queue if it raises.

        It is None where nothing came.
        """
        taken = (await self.take(queue, lease_s=lease_s, wait_s=wait_s)).items
        if not taken:
            yield None
            return
        try:
            yield taken[0]
        except BaseException:
            await self.settle(queue, back=[taken[0].receipt])
            raise
        await self.settle(queue, done=[taken[0].receipt])
