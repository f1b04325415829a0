"""Events as the streams of Redis hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

__all__ = ["CORE", "CoreStream", "Event", "decode_event", "encode_event", "event_type", "stream_key"]

CORE = "core"
"""The source of what Lumina itself publishes."""

_OWN_FIELDS = frozenset({"id", "type", "ts", "source", "cause", "data"})


class CoreStream(StrEnum):
    """The streams of Lumina itself (seed, section 5); in Redis they have these very names."""

    CRAWL_REQ = "crawl:req"
    GRAPH_ADD = "graph:add"
    GAP_REQ = "gap:req"
    THINK_NOTE = "think:note"
    PAD_COMPRESSED = "pad:compressed"
    QA_TURN = "qa:turn"
    ADAPTER_UPDATED = "adapter:updated"


_CORE_STREAMS = frozenset(CoreStream)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `id` is its own, however often it is delivered; `ts` is epoch seconds.

    `source` is the principal that published it, `cause` the event, turn or request that led to it.
    """

    id: str
    stream: str
    ts: float
    source: str = CORE
    data: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None

    @property
    def type(self) -> str:
        return event_type(self.stream)


def event_type(stream: str) -> str:
    """What the events of a stream are called: `GRAPH_ADD` for `graph:add`."""
    return stream.upper().replace(":", "_").replace("-", "_")


def stream_key(stream: str) -> str:
    """The stream's key in Redis. Only the core's have their bare names: no other can meet a key of ours."""
    return stream if stream in _CORE_STREAMS else f"stream:{stream}"


def encode_event(event: Event) -> dict[Any, Any]:
    """The fields of an entry: `id, type, ts, source, data` (a JSON object), and `cause` where there is one."""
    fields = {
        "id": event.id,
        "type": event.type,
        "ts": repr(event.ts),
        "source": event.source,
        "data": msgspec.json.encode(event.data).decode(),
    }
    if event.cause is not None:
        fields["cause"] = event.cause
    return fields


def decode_event(stream: str, entry: str, fields: Mapping[str, str]) -> Event:
    """Read an entry, also one that a person added with `redis-cli XADD`: any fields will do, and become its data."""
    data: dict[str, Any] = {name: value for name, value in fields.items() if name not in _OWN_FIELDS}
    if "data" in fields:
        try:
            data |= msgspec.json.decode(fields["data"], type=dict[str, Any])
        except msgspec.MsgspecError:
            data["data"] = fields["data"]
    return Event(
        id=fields.get("id") or f"{stream}:{entry}",
        stream=stream,
        ts=_seconds(fields.get("ts"), entry),
        source=fields.get("source") or "redis",
        data=data,
        cause=fields.get("cause"),
    )


def _seconds(text: str | None, entry: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        return int(entry.partition("-")[0]) / 1000
