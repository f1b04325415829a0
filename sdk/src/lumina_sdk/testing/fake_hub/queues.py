"""Priority queues, in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import Annotated

from fastapi import APIRouter, Request

from lumina_sdk.contract import (
    AddToQueue,
    CoreQueue,
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
from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub.access import FakePrincipal, needs

__all__ = ["FakeQueues", "router"]

Reading = Annotated[FakePrincipal, needs(Scope.READ_QUEUES)]
Writing = Annotated[FakePrincipal, needs(Scope.WRITE_QUEUES)]
router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Held:
    item: str
    priority: float
    until: float


class FakeQueues:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._waiting: dict[str, dict[str, float]] = {str(queue): {} for queue in CoreQueue}
        self._held: dict[str, dict[str, _Held]] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._news = asyncio.Event()

    def names(self) -> list[str]:
        return sorted(self._waiting)

    def info(self, queue: str) -> QueueInfo:
        self._reclaim(queue)
        return QueueInfo(name=queue, depth=len(self._waiting.get(queue, ())), held=len(self._held.get(queue, ())))

    def peek(self, queue: str, limit: int) -> QueueItems:
        self._reclaim(queue)
        ordered = self._ordered(queue)
        items = tuple(QueueItem(item=item, priority=priority) for item, priority in ordered[:limit])
        return QueueItems(items=items, depth=len(ordered))

    def add(self, queue: str, request: AddToQueue) -> QueueAdded:
        waiting = self._waiting.setdefault(queue, {})
        added = 0
        for new in request.items:
            added += new.item not in waiting
            if new.item not in waiting or not request.keep_priority:
                waiting[new.item] = new.priority
        self._news.set()
        return QueueAdded(added=added, depth=len(waiting))

    async def take(self, queue: str, request: TakeRequest) -> TakenItems:
        found = self._take(queue, request)
        if not found and request.wait_s:
            self._news.clear()
            try:
                async with asyncio.timeout(request.wait_s):
                    while not (found := self._take(queue, request)):
                        await self._news.wait()
                        self._news.clear()
            except TimeoutError:
                pass
        return TakenItems(items=tuple(found))

    def settle(self, queue: str, request: SettleRequest) -> QueueSettled:
        self._reclaim(queue)
        held = self._held.get(queue, {})
        unknown = tuple(receipt for receipt in (*request.done, *request.back) if receipt not in held)
        done = [held.pop(receipt) for receipt in request.done if receipt in held]
        back = [held.pop(receipt) for receipt in request.back if receipt in held]
        for one in done:
            self._attempts.pop((queue, one.item), None)
        for one in back:
            self._waiting[queue].setdefault(one.item, one.priority)
            self._news.set()
        return QueueSettled(done=len(done), back=len(back), unknown=unknown)

    def _take(self, queue: str, request: TakeRequest) -> list[TakenItem]:
        self._reclaim(queue)
        taken: list[TakenItem] = []
        for item, priority in self._ordered(queue)[: request.limit]:
            del self._waiting[queue][item]
            receipt, until = f"rcp_{next(self._numbers)}", self._clock() + request.lease_s
            attempt = self._attempts[queue, item] = self._attempts.get((queue, item), 0) + 1
            self._held.setdefault(queue, {})[receipt] = _Held(item, priority, until)
            taken.append(TakenItem(item=item, priority=priority, receipt=receipt, attempt=attempt, lease_until=until))
        return taken

    def _ordered(self, queue: str) -> list[tuple[str, float]]:
        """By priority, then by name, as a sorted set of Redis orders its members."""
        return sorted(self._waiting.get(queue, {}).items(), key=lambda entry: (entry[1], entry[0]))

    def _reclaim(self, queue: str) -> None:
        for receipt, held in list(self._held.get(queue, {}).items()):
            if held.until <= self._clock():
                del self._held[queue][receipt]
                self._waiting[queue].setdefault(held.item, held.priority)


def _queues(request: Request) -> FakeQueues:
    queues: FakeQueues = request.app.state.hub.queues
    return queues


@router.get("/api/v1/queues")
async def list_queues(principal: Reading, request: Request) -> Queues:
    queues = _queues(request)
    seen = [name for name in queues.names() if principal.scopes.covers(Scope.READ_QUEUES.narrowed(name))]
    return Queues(queues=tuple(queues.info(name) for name in seen))


@router.get("/api/v1/queues/{queue}")
async def peek(queue: str, principal: Reading, request: Request, limit: int = 50) -> QueueItems:
    return _queues(request).peek(queue, limit)


@router.post("/api/v1/queues/{queue}/items")
async def add(queue: str, body: AddToQueue, principal: Writing, request: Request) -> QueueAdded:
    return _queues(request).add(queue, body)


@router.post("/api/v1/queues/{queue}/take")
async def take(queue: str, body: TakeRequest, principal: Writing, request: Request) -> TakenItems:
    return await _queues(request).take(queue, body)


@router.post("/api/v1/queues/{queue}/settle")
async def settle(queue: str, body: SettleRequest, principal: Writing, request: Request) -> QueueSettled:
    return _queues(request).settle(queue, body)
