"""Queues, for the routes."""

from __future__ import annotations

from lumina_core.queues.queue import WorkQueues
from lumina_hub.auth.principal import Principal
from lumina_sdk.contract import (
    AddToQueue,
    QueueAdded,
    QueueInfo,
    QueueItem,
    QueueItems,
    Queues,
    QueueSettled,
    Scope,
    SettleRequest,
    TakenItem,
    TakenItems,
    TakeRequest,
)

__all__ = ["QueueService"]


class QueueService:
    """Every method raises `MissingScope` for a queue the principal may not use, and what `WorkQueues` raises."""

    def __init__(self, queues: WorkQueues) -> None:
        self._queues = queues

    async def list(self, principal: Principal) -> Queues:
        counts = await self._queues.counts()
        return Queues(
            queues=tuple(
                QueueInfo(name=count.name, depth=count.depth, held=count.held)
                for count in counts
                if Scope.READ_QUEUES.narrowed(count.name) in principal.scopes
            )
        )

    async def items(self, queue: str, principal: Principal, *, limit: int) -> QueueItems:
        principal.demand(Scope.READ_QUEUES.narrowed(queue))
        items, depth = await self._queues.waiting(queue, limit)
        return QueueItems(items=tuple(QueueItem(item=item, priority=priority) for item, priority in items), depth=depth)

    async def add(self, queue: str, request: AddToQueue, principal: Principal) -> QueueAdded:
        principal.demand(Scope.WRITE_QUEUES.narrowed(queue))
        items = {entry.item: entry.priority for entry in request.items}
        added, depth = await self._queues.add(queue, items, keep_priority=request.keep_priority)
        return QueueAdded(added=added, depth=depth)

    async def take(self, queue: str, request: TakeRequest, principal: Principal) -> TakenItems:
        principal.demand(Scope.WRITE_QUEUES.narrowed(queue))
        taken = await self._queues.take(queue, limit=request.limit, lease_s=request.lease_s, wait_s=request.wait_s)
        return TakenItems(
            items=tuple(
                TakenItem(
                    item=one.item,
                    priority=one.priority,
                    receipt=one.receipt,
                    attempt=one.attempt,
                    lease_until=one.lease_until,
                )
                for one in taken
            )
        )

    async def settle(self, queue: str, request: SettleRequest, principal: Principal) -> QueueSettled:
        principal.demand(Scope.WRITE_QUEUES.narrowed(queue))
        settled = await self._queues.settle(queue, done=request.done, back=request.back)
        return QueueSettled(done=len(settled.done), back=len(settled.back), unknown=settled.unknown)
