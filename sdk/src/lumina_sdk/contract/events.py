"""Events: what happened, told to whoever asked for it, at least once.

An event is published to a stream and read by groups; every group is given every event. A reader holds what it was given
for `lease_s`, then says that it is done or that it failed. What it says nothing about is given out again, and what
failed too often becomes a dead letter. A handler may so meet an event twice: let it tell by `Event.id`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue

from lumina_sdk.contract._model import RequestModel, WireModel
from lumina_sdk.contract.names import StreamName

__all__ = [
    "AckRequest",
    "AckResult",
    "CoreStream",
    "DeadLetter",
    "DeadLetters",
    "Deliveries",
    "Delivery",
    "Event",
    "FailedDelivery",
    "NewEvent",
    "PublishRequest",
    "Published",
    "ReadEventsRequest",
    "ReplayRequest",
    "StreamInfo",
    "Streams",
    "event_type",
]

EventId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:-]+$")]
Receipts = Annotated[tuple[str, ...], Field(max_length=1000)]


class CoreStream(StrEnum):
    """The streams of Lumina itself (seed, section 5). Modules have more, named `<slug>:<word>`."""

    CRAWL_REQ = "crawl:req"
    GRAPH_ADD = "graph:add"
    GAP_REQ = "gap:req"
    THINK_NOTE = "think:note"
    PAD_COMPRESSED = "pad:compressed"
    QA_TURN = "qa:turn"
    ADAPTER_UPDATED = "adapter:updated"

    @property
    def event_type(self) -> str:
        """What its events are called: `GRAPH_ADD` for `graph:add`."""
        return event_type(self)


def event_type(stream: str) -> str:
    """What the events of a stream are called, in capitals: `GRAPH_ADD` for `graph:add`."""
    return stream.upper().replace(":", "_").replace("-", "_")


class Event(WireModel):
    """Something that happened. `id` stays the same however often it is delivered; `ts` is epoch seconds.

    `source` is who published it, as a principal's id (`module:crawler`). `cause` is the id of the event, turn or
    request that led to it, where there was one.
    """

    id: str
    type: str
    stream: str
    ts: float
    source: str
    data: dict[str, JsonValue] = Field(default_factory=dict)
    cause: str | None = None


class NewEvent(RequestModel):
    """An event to publish. With an `id` of your own a repeated request publishes it once."""

    stream: StreamName
    data: dict[str, JsonValue] = Field(default_factory=dict)
    id: EventId | None = None
    cause: EventId | None = None


class PublishRequest(RequestModel):
    """Events to publish, in this order; all of them, or none where a scope is missing for one."""

    events: tuple[NewEvent, ...] = Field(min_length=1, max_length=1000)


class Published(WireModel):
    """The events' ids, in the order they were sent. They are durable."""

    ids: tuple[str, ...]


class ReadEventsRequest(RequestModel):
    """Ask for events and wait up to `wait_s` for the first.

    `group` defaults to the caller itself, so that the replicas of a module share its events; a group of another name
    is the caller's alone too. A new group begins with what is published from then on, or, with `from_start`, with the
    oldest event there is.
    """

    streams: tuple[StreamName, ...] = Field(min_length=1, max_length=32)
    group: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    consumer: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    limit: int = Field(default=10, ge=1, le=1000)
    wait_s: float = Field(default=0, ge=0, le=60)
    lease_s: float = Field(
        default=60, ge=1, le=3600, description="After this long, what is not done is given out again."
    )
    from_start: bool = False


class Delivery(WireModel):
    """An event, given out for the `attempt`th time, counted from 1. `receipt` is for saying what became of it."""

    event: Event
    receipt: str
    attempt: int = 1


class Deliveries(WireModel):
    """In the order published, stream by stream; those given out again first."""

    deliveries: tuple[Delivery, ...] = ()


class FailedDelivery(RequestModel):
    """An event that could not be handled. With `give_up` it becomes a dead letter at once; else it is tried again."""

    receipt: str
    reason: str = Field(max_length=2000)
    give_up: bool = False
    retry_after_s: float = Field(default=0, ge=0, le=3600)


class AckRequest(RequestModel):
    """What became of deliveries, of the group they were read as."""

    group: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    done: Receipts = ()
    failed: tuple[FailedDelivery, ...] = Field(default=(), max_length=1000)


class AckResult(WireModel):
    """How many deliveries are settled. `unknown` are receipts of those settled, or given to another, before."""

    done: int = 0
    retried: int = 0
    dead: int = 0
    unknown: tuple[str, ...] = ()


class DeadLetter(WireModel):
    """An event a group could not handle. `ts`, epoch seconds, is when it was given up."""

    id: str
    event: Event
    group: str
    attempts: int
    reason: str
    ts: float


class DeadLetters(WireModel):
    """Newest first. `before` is the cursor of the page after this one, None on the last page."""

    letters: tuple[DeadLetter, ...] = ()
    before: str | None = None


class ReplayRequest(RequestModel):
    """Dead letters to deliver again, by id; their attempts are counted from the start."""

    ids: tuple[str, ...] = Field(min_length=1, max_length=1000)


class StreamInfo(WireModel):
    """A stream: how many events are kept of it, and how many of them the caller's group has not settled."""

    name: str
    type: str
    length: int
    pending: int = 0
    dead: int = 0


class Streams(WireModel):
    """By name."""

    streams: tuple[StreamInfo, ...]
