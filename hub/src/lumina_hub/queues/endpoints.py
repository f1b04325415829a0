"""Priority queues: what waits, put in, taken with a lease, settled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from lumina_hub.auth.access import GuardedRoute, requires_part
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import queue_service
from lumina_hub.queues.service import QueueService
from lumina_hub.waiting import unless_gone
from lumina_sdk.contract import (
    AddToQueue,
    QueueAdded,
    QueueItems,
    QueueName,
    Queues,
    QueueSettled,
    Scope,
    SettleRequest,
    TakenItems,
    TakeRequest,
)

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["queues"])
QueuesRead = Annotated[Principal, requires_part(Scope.READ_QUEUES)]
QueuesWrite = Annotated[Principal, requires_part(Scope.WRITE_QUEUES)]
Service = Annotated[QueueService, Depends(queue_service)]
Queue = Annotated[QueueName, Path(description="Such as `crawl:queue`.")]
_QUEUE = "/api/v1/queues/{queue}"


@router.get("/api/v1/queues")
async def list_queues(principal: QueuesRead, queues: Service) -> Queues:
    """List the queues the caller may read."""
    return await queues.list(principal)


@router.get(_QUEUE)
async def read_queue(
    queue: Queue, principal: QueuesRead, queues: Service, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> QueueItems:
    """Show what waits, the most urgent first. Nothing is taken."""
    return await queues.items(queue, principal, limit=limit)


@router.post(_QUEUE + "/items")
async def add_to_queue(queue: Queue, request: AddToQueue, principal: QueuesWrite, queues: Service) -> QueueAdded:
    """Put items in. One that waits already gets the new priority, unless `keep_priority`."""
    return await queues.add(queue, request, principal)


@router.post(_QUEUE + "/take")
async def take_from_queue(
    queue: Queue, request: TakeRequest, principal: QueuesWrite, queues: Service, connection: Request
) -> TakenItems:
    """Take the most urgent items, waiting up to `wait_s` for the first. What is not settled within `lease_s` may be
    taken by others."""
    return await unless_gone(connection, queues.take(queue, request, principal))


@router.post(_QUEUE + "/settle")
async def settle_queue(queue: Queue, request: SettleRequest, principal: QueuesWrite, queues: Service) -> QueueSettled:
    """Say what became of items taken, by receipt: `done` leave the queue, `back` wait again."""
    return await queues.settle(queue, request, principal)
