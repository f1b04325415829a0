"""How the hub is."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from lumina_sdk.contract._model import WireModel

__all__ = [
    "EmbedderStatus",
    "IndexStatus",
    "IndexerStatus",
    "Readiness",
    "RedisStatus",
    "Reindex",
    "ReindexState",
    "Status",
]


class ReindexState(StrEnum):
    """`running` as long as the index has not caught up with the log it is rebuilt from."""

    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"


class Reindex(WireModel):
    """How far rebuilding the index is, in articles; the rate counts chunks."""

    state: ReindexState
    done: int = 0
    total: int = 0
    chunks_per_s: float | None = None
    eta_s: float | None = None
    error: str | None = None


class IndexStatus(WireModel):
    """The vector store. `indexed` counts chunks an ANN index covers; the rest is searched whole."""

    driver: str
    version: str
    chunks: int
    indexed: int
    disk_bytes: int
    url: str | None = None


class RedisStatus(WireModel):
    """`embedded` when the hub started it; `path` is then the program's."""

    version: str
    embedded: bool
    path: str | None = None


class EmbedderStatus(WireModel):
    """What turns text into vectors."""

    name: str
    model: str
    precision: str
    dim: int


class IndexerStatus(WireModel):
    """The process that follows the log.

    `indexed` counts articles written since the index was last rebuilt, `pending` those that are not in it yet;
    `activity` says in words what it does beside that.
    """

    alive: bool
    state: str
    indexed: int
    pending: int
    activity: str = ""
    chunks_per_s: float | None = None


class Status(WireModel):
    """The hub at a glance. A part that does not answer is None, and `problems` says why."""

    version: str
    uptime_s: float
    home: str
    articles: int
    redirects: int
    links: int
    chunks: int
    turns: int
    index: IndexStatus | None
    redis: RedisStatus | None
    embedder: EmbedderStatus | None
    indexer: IndexerStatus | None
    problems: tuple[str, ...] = ()


class Readiness(WireModel):
    """Whether the hub can answer. `waiting_for` says what is not there yet, by name, with the reason."""

    ready: bool
    waiting_for: dict[str, str] = Field(default_factory=dict)
