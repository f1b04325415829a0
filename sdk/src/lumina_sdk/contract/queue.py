"""Priority queues: work that waits, the most urgent first.

An item is a text that is in a queue once; adding it again changes its priority. Whoever takes an item holds it for
`lease_s`; if it is not settled by then, others may take it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = [
    "AddToQueue",
    "CoreQueue",
    "QueueAdded",
    "QueueInfo",
    "QueueItem",
    "QueueItems",
    "QueueName",
    "QueueSettled",
    "Queues",
    "SettleRequest",
    "TakeRequest",
    "TakenItem",
    "TakenItems",
]

QueueName = Annotated[
    str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_-]*(:[a-z0-9_-]+)*$", examples=["crawl:queue"])
]
"""A queue. Modules name their own `<slug>:<word>`."""


class CoreQueue(StrEnum):
    """The queues of Lumina itself; in Redis they are sorted sets of these names (seed)."""

    CRAWL = "crawl:queue"
    GAP_TOPICS = "gaps:topics"


class QueueItem(RequestModel):
    """Work that waits. The lowest `priority` is taken first, as `redis-cli ZADD` scores it."""

    item: str = Field(min_length=1, max_length=4096)
    priority: float = Field(default=0, allow_inf_nan=False)


class AddToQueue(RequestModel):
    """Items to add. With `keep_priority` one that is waiting already keeps the priority it has."""

    items: tuple[QueueItem, ...] = Field(min_length=1, max_length=1000)
    keep_priority: bool = False


class QueueAdded(WireModel):
    """How many items are new, and how many wait now."""

    added: int
    depth: int


class TakeRequest(RequestModel):
    """Ask for work and wait up to `wait_s` for the first item."""

    limit: int = Field(default=1, ge=1, le=100)
    lease_s: float = Field(default=60, ge=1, le=3600)
    wait_s: float = Field(default=0, ge=0, le=60)


class TakenItem(WireModel):
    """An item held for the `attempt`th time, counted from 1; `lease_until` is epoch seconds."""

    item: str
    priority: float
    receipt: str
    attempt: int = 1
    lease_until: float


class TakenItems(WireModel):
    """The most urgent first; empty where nothing came."""

    items: tuple[TakenItem, ...] = ()


class SettleRequest(RequestModel):
    """What became of items taken: `done` leave the queue, `back` return to it with the priority they had."""

    done: tuple[str, ...] = Field(default=(), max_length=1000, description="Receipts.")
    back: tuple[str, ...] = Field(default=(), max_length=1000, description="Receipts.")


class QueueSettled(WireModel):
    """How many items left and returned. `unknown` are receipts whose lease had ended."""

    done: int = 0
    back: int = 0
    unknown: tuple[str, ...] = ()


class QueueItems(WireModel):
    """What waits, the most urgent first; nothing is taken."""

    items: tuple[QueueItem, ...]
    depth: int


class QueueInfo(WireModel):
    """A queue: how many items wait, and how many are held."""

    name: str
    depth: int
    held: int = 0


class Queues(WireModel):
    """Those the caller may read, by name."""

    queues: tuple[QueueInfo, ...]
