"""What the indexer and the process that started it tell each other: one JSON line each way, over pipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from lumina_core.errors import InvalidInput
from lumina_core.graph.log import LogPosition

__all__ = [
    "Command",
    "CommandName",
    "EmbedderSpec",
    "IndexProgress",
    "IndexerState",
    "Problem",
    "RebuildProgress",
    "StoreSpec",
    "WorkerSettings",
    "decode_line",
    "encode_line",
]

T = TypeVar("T")


class IndexerState(StrEnum):
    """`blocked`: something it needs is down or full; it keeps trying. `crashed`: it died and is started again soon."""

    STARTING = "starting"
    INDEXING = "indexing"
    IDLE = "idle"
    PAUSED = "paused"
    BLOCKED = "blocked"
    CRASHED = "crashed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """A rebuild on its way. `done` of `total` articles; `eta_s` is None until there is a rate to tell it by."""

    reason: str
    done: int
    total: int
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An article that could not be indexed and was passed over."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far the index is.

    Everything in the log before `position` can be searched; None is the start of the log. `rebuild` numbers the
    collections' generations; `articles`, `chunks` and `removed` count what was written in this one. `skipped` are the
    latest twenty articles that could not be indexed. `unindexed` chunks wait for the next optimise. `ranked_changes`
    grows whenever page ranks were computed anew (`Indexer.page_ranks`); None before the first time.
    """

    state: IndexerState = IndexerState.STARTING
    position: LogPosition | None = None
    rebuild: int = 0
    articles: int = 0
    chunks: int = 0
    removed: int = 0
    chunks_per_s: float = 0.0
    title: str = ""
    activity: str = ""
    rebuilding: RebuildProgress | None = None
    skipped: tuple[Problem, ...] = ()
    unindexed: int = 0
    ranked_changes: int | None = None
    embedder: str = ""
    error: str | None = None
    hint: str | None = None
    restarts: int = 0


class CommandName(StrEnum):
    """`busy` and `quiet` say whether searches are being answered: it then keeps to half the cores."""

    POKE = "poke"
    BUSY = "busy"
    QUIET = "quiet"
    PAUSE = "pause"
    RESUME = "resume"
    REINDEX = "reindex"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Command:
    """One line to the indexer. `reason` goes with `reindex`."""

    name: CommandName
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """Where the collections are: the socket of a running edge process, or a Qdrant server."""

    socket: Path | None = None
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class EmbedderSpec:
    """Which embedder to load: a driver of `lumina.embedders` and what its `load` takes."""

    driver: str = "onnx"
    options: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The first line the indexer is sent. It may hold keys, so it travels by pipe, never as an argument.

    `batch_chunks` is the most that is embedded or written in one go, `poll_s` how long new lines may go unnoticed when
    nobody pokes.
    """

    log_root: Path
    catalogue: Path
    cursor: Path
    store: StoreSpec
    embedder: EmbedderSpec = field(default_factory=EmbedderSpec)
    niceness: int = 10
    batch_chunks: int = 48
    poll_s: float = 2.0
    optimise_at: int = 20_000


def encode_line(message: IndexProgress | Command | WorkerSettings) -> bytes:
    """One line, newline included."""
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def decode_line(line: bytes, type_: type[T]) -> T:
    """Undo `encode_line`. Raises `InvalidInput` for anything else."""
    try:
        return msgspec.json.decode(line, type=type_, dec_hook=lambda wanted, value: wanted(value))
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise InvalidInput(f"not a line of the indexer: {error}") from error
