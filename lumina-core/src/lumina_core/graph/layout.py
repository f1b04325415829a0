"""Where the log's lines lie: `<root>/<kind>/YYYY/MM/DD/<name>.ndjson`, for the stream `<kind>/<name>`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumina_core.errors import InvalidInput

__all__ = [
    "ARTICLES",
    "LINKS",
    "RECOVERY",
    "Entry",
    "LogPosition",
    "Written",
    "fsync_directory",
    "make_directories",
    "stream_days",
    "stream_path",
    "streams",
]

ARTICLES = "articles/articles"
LINKS = "links/links"
RECOVERY = "recovery/recovery"

_STREAM = re.compile(r"[a-z][a-z0-9_-]*/[a-z][a-z0-9_-]*")
_DAY = re.compile(r"\d{4}/\d{2}/\d{2}")
_LEVELS = (re.compile(r"\d{4}"), re.compile(r"\d{2}"), re.compile(r"\d{2}"))


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """A place between two lines of one stream: the byte where the next line begins, in the file of `day` (UTC,
    `2026/11/22`). Positions of one stream are ordered as its lines are."""

    day: str
    offset: int

    def __post_init__(self) -> None:
        if not _DAY.fullmatch(self.day) or self.offset < 0:
            raise InvalidInput(f"{self.day!r}, {self.offset!r} is no position in the log")


@dataclass(frozen=True, slots=True)
class Written:
    """Where an appended line lies: `[start, end)` in the file of `day`, its newline included."""

    day: str
    start: int
    end: int

    @property
    def position(self) -> LogPosition:
        """The position after the line."""
        return LogPosition(self.day, self.end)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line read back: `[start, end)` in the file of `day`, and the JSON object it holds."""

    day: str
    start: int
    end: int
    record: dict[str, Any]
    stream: str = ""

    @property
    def position(self) -> LogPosition:
        """The position after the line: what to hand to `read_log` to go on from here."""
        return LogPosition(self.day, self.end)


def stream_path(root: Path, stream: str, day: str) -> Path:
    """The file of one stream and day. Raises `InvalidInput` for what is not `<kind>/<name>` in lower case."""
    if not _STREAM.fullmatch(stream):
        raise InvalidInput(f"{stream!r} is no stream of the log", hint="Name it like 'articles/articles'.")
    kind, name = stream.split("/")
    return root / kind / day / f"{name}.ndjson"


def stream_days(root: Path, stream: str, *, since: str = "") -> list[str]:
    """The days, from `since` on, that have a file of this stream; oldest first."""
    kind = stream_path(root, stream, "0000/00/00").parents[3]
    return [day for day in _days(kind, since) if stream_path(root, stream, day).exists()]


def streams(root: Path) -> dict[str, list[str]]:
    """Every stream that has a file, with its days, oldest first. Costs a look into every day's folder."""
    found: dict[str, list[str]] = {}
    for kind in sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []:
        for day in _days(kind, ""):
            for path in (kind / day).iterdir():
                stream = f"{kind.name}/{path.stem}"
                if path.suffix == ".ndjson" and _STREAM.fullmatch(stream):
                    found.setdefault(stream, []).append(day)
    return found


def make_directories(path: Path) -> None:
    """Create a folder and its parents so that they survive a power cut."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _days(kind: Path, since: str, prefix: str = "", level: int = 0) -> Iterator[str]:
    try:
        names = sorted(path.name for path in (kind / prefix).iterdir() if _LEVELS[level].fullmatch(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = f"{prefix}/{name}" if prefix else name
        if path < since[: len(path)]:
            continue
        if level == 2:
            yield path
        else:
            yield from _days(kind, since, path, level + 1)
