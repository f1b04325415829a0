"""How far the collections have followed the log, and in which space they were made: the file `index/indexer.json`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

import msgspec

from lumina_core.errors import InvalidInput
from lumina_core.graph.log import LogPosition
from lumina_core.indexing.files import replace_durably

__all__ = ["Cursor", "Phase", "Space", "load_cursor", "save_cursor"]


class Phase(StrEnum):
    """What the collections are.

    `dropping`: they may be half gone, and are dropped again before anything else. `rebuilding`: they hold the log up
    to the position and are on the way to its end for the first time. `following`: they reached it once.
    """

    DROPPING = "dropping"
    REBUILDING = "rebuilding"
    FOLLOWING = "following"


@dataclass(frozen=True, slots=True)
class Space:
    """What decides which points and vectors an article gives. Collections made in another space are made anew."""

    embedder: str
    model: str
    dim: int
    chunking: int
    encoding: str

    def differences(self, other: Space) -> tuple[str, ...]:
        """The names of the fields in which two spaces differ, with both values."""
        pairs = [(field.name, getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return tuple(f"{name} {ours!r}, now {theirs!r}" for name, ours, theirs in pairs if ours != theirs)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything before `position` is in the store, durably; None stands before the first line of the log.

    `articles`, `chunks` and `removed` count what was written since the rebuild called `rebuild` (its number) began;
    `reason` says why it did.
    """

    space: Space
    phase: Phase
    position: LogPosition | None = None
    rebuild: int = 1
    reason: str = "first index"
    articles: int = 0
    chunks: int = 0
    removed: int = 0


def load_cursor(path: Path) -> Cursor | None:
    """The saved cursor, or None where there is none.

    Raises:
        InvalidInput: the file is there and is not a cursor.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cursor)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path.name!r} is not an index cursor: {error}",
            hint="Delete it; the index is then built again from the log.",
        ) from error


def save_cursor(path: Path, cursor: Cursor) -> None:
    """Replace the file in one step. Durable once this returns.

    Raises:
        StorageFull: the disk is full; the old cursor is still there.
    """
    replace_durably(path, msgspec.json.format(msgspec.json.encode(cursor), indent=1) + b"\n")
