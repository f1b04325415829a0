"""Events. Publishing needs `write:events` for the stream, reading `read:events`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from lumina_sdk.client.connection import Connection
from lumina_sdk.contract import (
    AckRequest,
    AckResult,
    DeadLetters,
    Deliveries,
    FailedDelivery,
    NewEvent,
    Published,
    PublishRequest,
    ReadEventsRequest,
    ReplayRequest,
    Streams,
)

__all__ = ["EventsApi"]

_EVENTS = "/api/v1/events"


class EventsApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def publish(self, stream: str, data: dict[str, Any] | None = None, *, cause: str | None = None) -> str:
        """Publish one event and return its id. It is durable when this returns."""
        event = NewEvent(stream=stream, data=data or {}, cause=cause)
        return (await self.publish_all([event]))[0]

    async def publish_all(self, events: Sequence[NewEvent]) -> tuple[str, ...]:
        """Publish events in order, all or none, and return their ids."""
        # Named here, so that a request sent twice publishes once.
        named = tuple(event if event.id else event.model_copy(update={"id": uuid.uuid4().hex}) for event in events)
        return (await self._connection.ask(Published, "POST", _EVENTS, PublishRequest(events=named))).ids

    async def read(
        self,
        *streams: str,
        group: str | None = None,
        consumer: str = "default",
        limit: int = 10,
        wait_s: float = 0,
        lease_s: float = 60,
        from_start: bool = False,
    ) -> Deliveries:
        """Take the next events of some streams, waiting up to `wait_s` for the first; see `ReadEventsRequest`."""
        request = ReadEventsRequest(
            streams=streams,
            group=group,
            consumer=consumer,
            limit=limit,
            wait_s=wait_s,
            lease_s=lease_s,
            from_start=from_start,
        )
        return await self._connection.ask(Deliveries, "POST", f"{_EVENTS}/read", request, longer_s=wait_s)

    async def settle(
        self, *, done: Sequence[str] = (), failed: Sequence[FailedDelivery] = (), group: str | None = None
    ) -> AckResult:
        """Say what became of deliveries, by their receipts."""
        request = AckRequest(group=group, done=tuple(done), failed=tuple(failed))
        return await self._connection.ask(AckResult, "POST", f"{_EVENTS}/ack", request)

    async def streams(self) -> Streams:
        """The streams the caller may read."""
        return await self._connection.ask(Streams, "GET", f"{_EVENTS}/streams")

    async def dead(self, *, stream: str | None = None, limit: int = 50, before: str | None = None) -> DeadLetters:
        """A page of what the caller's groups could not handle, newest first."""
        params = {"stream": stream, "limit": limit, "before": before}
        return await self._connection.ask(DeadLetters, "GET", f"{_EVENTS}/dead", params=params)

    async def replay(self, *ids: str) -> AckResult:
        """Deliver dead letters again, by their ids."""
        return await self._connection.ask(AckResult, "POST", f"{_EVENTS}/dead/replay", ReplayRequest(ids=ids))
