"""Events between the core and the wire."""

from __future__ import annotations

from lumina_core.events.event import Event as CoreEvent
from lumina_core.events.streams import DeadLetter as CoreDeadLetter
from lumina_core.events.streams import Delivery as CoreDelivery
from lumina_core.events.streams import Failure, StreamCount
from lumina_sdk.contract import DeadLetter, Delivery, Event, FailedDelivery, NewEvent, StreamInfo, event_type

__all__ = ["dead_letter_out", "delivery_out", "event_in", "failure_in", "stream_out"]


def event_in(event: NewEvent, *, id: str, ts: float, source: str) -> CoreEvent:
    return CoreEvent(id=id, stream=event.stream, ts=ts, source=source, data=event.data, cause=event.cause)


def event_out(event: CoreEvent) -> Event:
    return Event(
        id=event.id,
        type=event.type,
        stream=event.stream,
        ts=event.ts,
        source=event.source,
        data=dict(event.data),
        cause=event.cause,
    )


def delivery_out(delivery: CoreDelivery) -> Delivery:
    return Delivery(event=event_out(delivery.event), receipt=delivery.receipt, attempt=delivery.attempt)


def failure_in(failed: FailedDelivery) -> Failure:
    return Failure(failed.receipt, failed.reason, give_up=failed.give_up, retry_after_s=failed.retry_after_s)


def dead_letter_out(letter: CoreDeadLetter) -> DeadLetter:
    return DeadLetter(
        id=letter.id,
        event=event_out(letter.event),
        group=letter.group,
        attempts=letter.attempts,
        reason=letter.reason,
        ts=letter.ts,
    )


def stream_out(count: StreamCount) -> StreamInfo:
    return StreamInfo(
        name=count.name, type=event_type(count.name), length=count.length, pending=count.pending, dead=count.dead
    )
