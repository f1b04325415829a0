"""Events: published, read by groups, settled; dead letters looked at and delivered again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from lumina_hub.auth.access import GuardedRoute, requires_part
from lumina_hub.auth.principal import Principal
from lumina_hub.events.service import EventService
from lumina_hub.parts import event_service
from lumina_hub.waiting import unless_gone
from lumina_sdk.contract import (
    AckRequest,
    AckResult,
    DeadLetters,
    Deliveries,
    Published,
    PublishRequest,
    ReadEventsRequest,
    ReplayRequest,
    Scope,
    StreamName,
    Streams,
)

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["events"])
EventsRead = Annotated[Principal, requires_part(Scope.READ_EVENTS)]
EventsWrite = Annotated[Principal, requires_part(Scope.WRITE_EVENTS)]
Events = Annotated[EventService, Depends(event_service)]


@router.post("/api/v1/events")
async def publish_events(request: PublishRequest, principal: EventsWrite, events: Events) -> Published:
    """Publish events, all or none. One whose `id` the caller published to the stream within a day is passed over."""
    return await events.publish(request, principal)


@router.post("/api/v1/events/read")
async def read_events(
    request: ReadEventsRequest, principal: EventsRead, events: Events, connection: Request
) -> Deliveries:
    """Give the caller's group events it has not settled, waiting up to `wait_s` for the first. What is not settled
    within `lease_s` is given out again, and becomes a dead letter when that happened too often."""
    return await unless_gone(connection, events.read(request, principal))


@router.post("/api/v1/events/ack")
async def settle_events(request: AckRequest, principal: EventsRead, events: Events) -> AckResult:
    """Say what became of deliveries: done, or failed, to be tried again or given up."""
    return await events.settle(request, principal)


@router.get("/api/v1/events/streams")
async def list_streams(principal: EventsRead, events: Events) -> Streams:
    """List the streams the caller may read."""
    return await events.streams(principal)


@router.get("/api/v1/events/dead")
async def list_dead_letters(
    principal: EventsRead,
    events: Events,
    stream: StreamName | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    before: Annotated[str | None, Query(description="The `before` of the page ahead of this one.")] = None,
) -> DeadLetters:
    """List what the caller's groups could not handle, newest first."""
    return await events.dead_letters(principal, stream=stream, limit=limit, before=before)


@router.post("/api/v1/events/dead/replay")
async def replay_dead_letters(request: ReplayRequest, principal: EventsRead, events: Events) -> AckResult:
    """Deliver dead letters again, each to the group it died in. `retried` says how many there were."""
    return await events.replay(request, principal)
