"""Events, for the routes: who may publish and read what, and whose groups are whose."""

from __future__ import annotations

import time
from collections.abc import Callable

from lumina_core.events.streams import EventStreams, Reader
from lumina_hub.auth.principal import Principal
from lumina_hub.events.schemas import dead_letter_out, delivery_out, event_in, failure_in, stream_out
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
    Streams,
)

__all__ = ["EventService"]


class EventService:
    """Every method raises `MissingScope` for a stream the principal may not use, and what `EventStreams` raises."""

    def __init__(self, streams: EventStreams, *, now: Callable[[], float] = time.time) -> None:
        self._streams = streams
        self._now = now

    async def publish(self, request: PublishRequest, principal: Principal) -> Published:
        principal.demand(*{Scope.WRITE_EVENTS.narrowed(event.stream) for event in request.events})
        now = self._now()
        events = [
            event_in(event, id=event.id or self._streams.new_id(), ts=now, source=principal.id)
            for event in request.events
        ]
        await self._streams.publish(events)
        return Published(ids=tuple(event.id for event in events))

    async def read(self, request: ReadEventsRequest, principal: Principal) -> Deliveries:
        principal.demand(*{Scope.READ_EVENTS.narrowed(stream) for stream in request.streams})
        given = await self._streams.read(
            Reader(principal.id, request.group),
            request.streams,
            consumer=request.consumer,
            limit=request.limit,
            wait_s=request.wait_s,
            lease_s=request.lease_s,
            from_start=request.from_start,
        )
        return Deliveries(deliveries=tuple(map(delivery_out, given)))

    async def settle(self, request: AckRequest, principal: Principal) -> AckResult:
        """No scope is asked for again: who holds a receipt of its own group was given the event."""
        settled = await self._streams.settle(
            Reader(principal.id, request.group), done=request.done, failed=map(failure_in, request.failed)
        )
        return AckResult(done=settled.done, retried=settled.retried, dead=settled.dead, unknown=settled.unknown)

    async def dead_letters(
        self, principal: Principal, *, stream: str | None, limit: int, before: str | None
    ) -> DeadLetters:
        if stream is not None:
            principal.demand(Scope.READ_EVENTS.narrowed(stream))

        def is_wanted(name: str) -> bool:
            return name == stream if stream is not None else _may_read(principal, name)

        letters, following = await self._streams.dead_letters(
            principal.id, is_wanted=is_wanted, limit=limit, before=before
        )
        return DeadLetters(letters=tuple(map(dead_letter_out, letters)), before=following)

    async def replay(self, request: ReplayRequest, principal: Principal) -> AckResult:
        def check(stream: str) -> None:
            principal.demand(Scope.READ_EVENTS.narrowed(stream))

        replayed, unknown = await self._streams.replay(principal.id, request.ids, check=check)
        return AckResult(retried=replayed, unknown=tuple(unknown))

    async def streams(self, principal: Principal) -> Streams:
        counts = await self._streams.counts(Reader(principal.id))
        return Streams(streams=tuple(stream_out(count) for count in counts if _may_read(principal, count.name)))


def _may_read(principal: Principal, stream: str) -> bool:
    return Scope.READ_EVENTS.narrowed(stream) in principal.scopes
