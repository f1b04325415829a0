"""Events, in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import JsonValue

from lumina_sdk.contract import (
    AckRequest,
    AckResult,
    CoreStream,
    DeadLetter,
    DeadLetters,
    Deliveries,
    Delivery,
    Event,
    NewEvent,
    Published,
    PublishRequest,
    ReadEventsRequest,
    ReplayRequest,
    Scope,
    StreamInfo,
    Streams,
    event_type,
)
from lumina_sdk.errors import NotFound
from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub.access import FakePrincipal, demand, needs

__all__ = ["FakeEvents", "router"]

TRIES = 5
Writing = Annotated[FakePrincipal, needs(Scope.WRITE_EVENTS)]
Reading = Annotated[FakePrincipal, needs(Scope.READ_EVENTS)]
router = APIRouter()


@dataclass(slots=True)
class _Held:
    event: Event
    until: float
    attempt: int


@dataclass(slots=True)
class _Group:
    """How far one reader is in one stream. `again` is what it gets anew, from a time on, with the attempts so far."""

    position: int
    held: dict[str, _Held] = field(default_factory=dict)
    again: list[tuple[float, Event, int]] = field(default_factory=list)


class FakeEvents:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._streams: dict[str, list[Event]] = {str(stream): [] for stream in CoreStream}
        self._ids: set[tuple[str, str]] = set()
        self._groups: dict[tuple[str, str, str], _Group] = {}
        self._dead: list[tuple[str, DeadLetter]] = []
        self._news = asyncio.Event()

    def published(self, stream: str) -> list[Event]:
        """Every event of a stream, oldest first."""
        return list(self._streams.get(stream, ()))

    def followers(self, stream: str) -> set[str]:
        """Who has asked for events of a stream."""
        return {principal for principal, _, name in self._groups if name == stream}

    def held(self, stream: str) -> int:
        """How many deliveries of a stream are with their readers."""
        return sum(len(group.held) for (_, _, name), group in self._groups.items() if name == stream)

    def publish(self, stream: str, data: dict[str, JsonValue] | None = None, *, source: str = "core") -> Event:
        """Publish an event as the core does, or as `source`."""
        return self.publish_new(source, NewEvent(stream=stream, data=data or {}))

    def publish_new(self, source: str, new: NewEvent) -> Event:
        """Publish an event once, however often it comes under its id."""
        stream = new.stream
        number = new.id or f"evt_{next(self._numbers)}"
        made = Event(
            id=number,
            type=event_type(stream),
            stream=stream,
            ts=self._clock(),
            source=source,
            data=new.data,
            cause=new.cause,
        )
        if (source, number) not in self._ids:
            self._ids.add((source, number))
            self._streams.setdefault(stream, []).append(made)
            self._news.set()
        return made

    async def read(self, principal: FakePrincipal, request: ReadEventsRequest) -> list[Delivery]:
        found = self._take(principal, request)
        if not found and request.wait_s:
            self._news.clear()
            try:
                async with asyncio.timeout(request.wait_s):
                    while not (found := self._take(principal, request)):
                        await self._news.wait()
                        self._news.clear()
            except TimeoutError:
                pass
        return found

    def settle(self, principal: FakePrincipal, request: AckRequest) -> AckResult:
        done, retried, dead, unknown = 0, 0, 0, list[str]()
        for receipt in request.done:
            if self._release(principal, request.group, receipt):
                done += 1
            else:
                unknown.append(receipt)
        for failed in request.failed:
            found = self._release(principal, request.group, failed.receipt)
            if found is None:
                unknown.append(failed.receipt)
                continue
            group, held = found
            if failed.give_up or held.attempt >= TRIES:
                self._bury(principal, request.group, held.event, held.attempt, failed.reason)
                dead += 1
            else:
                group.again.append((self._clock() + failed.retry_after_s, held.event, held.attempt))
                self._news.set()
                retried += 1
        return AckResult(done=done, retried=retried, dead=dead, unknown=tuple(unknown))

    def dead(self, principal: FakePrincipal, stream: str | None) -> list[DeadLetter]:
        return [
            letter
            for owner, letter in reversed(self._dead)
            if owner == principal.id and stream in (None, letter.event.stream)
        ]

    def replay(self, principal: FakePrincipal, ids: tuple[str, ...]) -> int:
        chosen = [letter for letter in self.dead(principal, None) if letter.id in ids]
        if len(chosen) < len(set(ids)):
            raise NotFound("There is no such dead letter.")
        for letter in chosen:
            self._dead.remove((principal.id, letter))
            group = self._groups[principal.id, letter.group, letter.event.stream]
            group.again.append((self._clock(), letter.event, 0))
        self._news.set()
        return len(chosen)

    def streams(self, principal: FakePrincipal) -> Streams:
        seen = [name for name in sorted(self._streams) if principal.scopes.covers(Scope.READ_EVENTS.narrowed(name))]
        return Streams(streams=tuple(self._info(principal, name) for name in seen))

    def _info(self, principal: FakePrincipal, name: str) -> StreamInfo:
        group = self._groups.get((principal.id, "default", name))
        length = len(self._streams[name])
        pending = length - group.position + len(group.held) + len(group.again) if group else 0
        dead = len(self.dead(principal, name))
        return StreamInfo(name=name, type=event_type(name), length=length, pending=pending, dead=dead)

    def _take(self, principal: FakePrincipal, request: ReadEventsRequest) -> list[Delivery]:
        found: list[Delivery] = []
        for name in request.streams:
            stream = self._streams.setdefault(name, [])
            key = (principal.id, request.group or "default", name)
            group = self._groups.setdefault(key, _Group(0 if request.from_start else len(stream)))
            self._reclaim(principal, request.group, group)
            ready = [item for item in group.again if item[0] <= self._clock()]
            for item in ready[: request.limit - len(found)]:
                group.again.remove(item)
                found.append(self._hold(group, item[1], item[2] + 1, request.lease_s))
            while len(found) < request.limit and group.position < len(stream):
                found.append(self._hold(group, stream[group.position], 1, request.lease_s))
                group.position += 1
        return found

    def _hold(self, group: _Group, event: Event, attempt: int, lease_s: float) -> Delivery:
        receipt = f"rcp_{next(self._numbers)}"
        group.held[receipt] = _Held(event, self._clock() + lease_s, attempt)
        return Delivery(event=event, receipt=receipt, attempt=attempt)

    def _reclaim(self, principal: FakePrincipal, name: str | None, group: _Group) -> None:
        for receipt, held in list(group.held.items()):
            if held.until <= self._clock():
                del group.held[receipt]
                if held.attempt >= TRIES:
                    self._bury(principal, name, held.event, held.attempt, "its lease ended")
                else:
                    group.again.append((self._clock(), held.event, held.attempt))

    def _release(self, principal: FakePrincipal, name: str | None, receipt: str) -> tuple[_Group, _Held] | None:
        """Take a delivery out of its group; None for one that is not held any more."""
        for (owner, group_name, _), group in self._groups.items():
            if owner == principal.id and group_name == (name or "default"):
                self._reclaim(principal, name, group)
                if receipt in group.held:
                    return group, group.held.pop(receipt)
        return None

    def _bury(self, principal: FakePrincipal, name: str | None, event: Event, attempts: int, reason: str) -> None:
        letter = DeadLetter(
            id=f"ded_{next(self._numbers)}",
            event=event,
            group=name or "default",
            attempts=attempts,
            reason=reason,
            ts=self._clock(),
        )
        self._dead.append((principal.id, letter))


def _events(request: Request) -> FakeEvents:
    events: FakeEvents = request.app.state.hub.events
    return events


@router.post("/api/v1/events")
async def publish(body: PublishRequest, principal: Writing, request: Request) -> Published:
    demand(principal, *(Scope.WRITE_EVENTS.narrowed(event.stream) for event in body.events))
    events = _events(request)
    return Published(ids=tuple(events.publish_new(principal.id, event).id for event in body.events))


@router.post("/api/v1/events/read")
async def read(body: ReadEventsRequest, principal: Reading, request: Request) -> Deliveries:
    demand(principal, *(Scope.READ_EVENTS.narrowed(stream) for stream in body.streams))
    return Deliveries(deliveries=tuple(await _events(request).read(principal, body)))


@router.post("/api/v1/events/ack")
async def settle(body: AckRequest, principal: Reading, request: Request) -> AckResult:
    return _events(request).settle(principal, body)


@router.get("/api/v1/events/streams")
async def streams(principal: Reading, request: Request) -> Streams:
    return _events(request).streams(principal)


@router.get("/api/v1/events/dead")
async def dead(principal: Reading, request: Request, stream: str | None = None, limit: int = 50) -> DeadLetters:
    return DeadLetters(letters=tuple(_events(request).dead(principal, stream)[:limit]))


@router.post("/api/v1/events/dead/replay")
async def replay(body: ReplayRequest, principal: Reading, request: Request) -> AckResult:
    return AckResult(retried=_events(request).replay(principal, body.ids))
