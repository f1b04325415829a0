"""Reading the log, from any process, while its owner appends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import structlog

from lumina_core.errors import CorruptLog, NotFound
from lumina_core.graph.layout import Entry, LogPosition, stream_days, stream_path

__all__ = [
    "MAX_LINE_BYTES",
    "CorruptLine",
    "bytes_after",
    "decode_line",
    "last_newline",
    "log_end",
    "read_entry",
    "read_log",
    "read_log_backwards",
]

MAX_LINE_BYTES = 512 * 1024 * 1024
"""Longer lines are refused by the writer, so a longer stretch without a newline is damage."""

_BLOCK_BYTES = 1024 * 1024
_log = structlog.get_logger(__name__)
_decoder: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class CorruptLine(CorruptLog):
    """A line does not hold a JSON object. `path`, `day` and `offset` (in bytes) say where it begins."""

    def __init__(self, path: Path, day: str, offset: int, reason: str) -> None:
        super().__init__(
            f"{path} holds an unreadable line at byte {offset}: {reason}",
            hint="Mend the line from a backup, or let readers skip it: every other line is intact.",
        )
        self.path = path
        self.day = day
        self.offset = offset
        self.reason = reason


def decode_line(line: bytes) -> dict[str, Any]:
    """The JSON object a line holds. Raises `ValueError` with the reason where it holds none."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error


def read_log(
    root: Path,
    stream: str,
    after: LogPosition | None = None,
    *,
    on_corrupt: Callable[[CorruptLine], None] | None = None,
) -> Iterator[Entry]:
    """Read a stream's complete lines, oldest first, in memory bounded by its longest line.

    The iterator ends where the log ended when it got there; call again with the last entry's `position` for more.
    Delivery is at least once: where the log was cut back behind `after` (a write that failed after it was seen),
    reading goes on at the start of the line that now lies there.

    Args:
        root: The graph directory.
        stream: `<kind>/<name>`, as given to `GraphLog.append`.
        after: Where to go on; None for the beginning.
        on_corrupt: Called for each line that cannot be read, which is then passed over; None raises instead.

    Raises:
        CorruptLine: A complete line holds no JSON object, and `on_corrupt` is None.
    """
    # The days are listed first: a day that has a successor by then is no longer being written to.
    days = stream_days(root, stream, since=after.day if after else "")
    for day in days:
        path = stream_path(root, stream, day)
        start = after.offset if after is not None and after.day == day else 0
        yield from _read_file(path, stream, day, start, day == days[-1], on_corrupt)


def read_log_backwards(
    root: Path,
    stream: str,
    before: LogPosition | None = None,
    *,
    on_corrupt: Callable[[CorruptLine], None] | None = None,
) -> Iterator[Entry]:
    """Read a stream's complete lines, newest first. `before` is the position the first one ends at or before."""
    for day in reversed(stream_days(root, stream)):
        if before is not None and day > before.day:
            continue
        path = stream_path(root, stream, day)
        with path.open("rb", buffering=0) as file:
            end = file.seek(0, 2)
            if before is not None and day == before.day:
                end = min(end, before.offset)
            end = last_newline(file, end) + 1
            while end > 0:
                start = last_newline(file, end - 1) + 1
                yield from _entry(path, stream, day, start, _read_exactly(file, start, end), on_corrupt)
                end = start


def read_entry(root: Path, stream: str, day: str, start: int, end: int) -> Entry:
    """Read one line by its place. Raises `NotFound` where its file is gone, `CorruptLine` where it is damaged."""
    path = stream_path(root, stream, day)
    try:
        with path.open("rb", buffering=0) as file:
            line = _read_exactly(file, start, end)
    except FileNotFoundError as error:
        raise NotFound(f"{path} is gone", hint="Put the file back from a backup of the graph directory.") from error
    if len(line) != end - start or not line.endswith(b"\n"):
        raise CorruptLine(path, day, start, "the line is shorter than when it was written")
    try:
        return Entry(day, start, end, decode_line(line), stream)
    except ValueError as error:
        raise CorruptLine(path, day, start, str(error)) from error


def log_end(root: Path, stream: str) -> LogPosition | None:
    """The position after the last complete line; None where the stream has no file."""
    days = stream_days(root, stream)
    if not days:
        return None
    with stream_path(root, stream, days[-1]).open("rb", buffering=0) as file:
        return LogPosition(days[-1], last_newline(file, file.seek(0, 2)) + 1)


def bytes_after(root: Path, stream: str, after: LogPosition | None = None) -> int:
    """How many bytes of the stream lie behind a position: what is left to read, for a progress bar."""
    total = 0
    for day in stream_days(root, stream, since=after.day if after else ""):
        size = stream_path(root, stream, day).stat().st_size
        total += max(0, size - after.offset) if after is not None and after.day == day else size
    return total


def last_newline(file: BinaryIO, end: int) -> int:
    """The offset of the last newline in `[0, end)`, -1 where there is none."""
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        found = _read_exactly(file, start, end).rfind(b"\n")
        if found >= 0:
            return start + found
        end = start
    return -1


def _read_file(
    path: Path, stream: str, day: str, start: int, newest: bool, on_corrupt: Callable[[CorruptLine], None] | None
) -> Iterator[Entry]:
    try:
        file = path.open("rb", buffering=_BLOCK_BYTES)
    except FileNotFoundError:
        return
    with file:
        start = _line_start(file, start)
        file.seek(start)
        while line := file.readline(MAX_LINE_BYTES):
            if not line.endswith(b"\n"):
                if len(line) == MAX_LINE_BYTES:
                    yield from _corrupt(CorruptLine(path, day, start, f"over {MAX_LINE_BYTES} bytes long"), on_corrupt)
                    while line and not line.endswith(b"\n"):
                        start += len(line)
                        line = file.readline(MAX_LINE_BYTES)
                    start += len(line)
                    continue
                if not newest:
                    _log.warning("graph_log_torn_tail_ignored", file=str(path), offset=start, size_bytes=len(line))
                return
            yield from _entry(path, stream, day, start, line, on_corrupt)
            start += len(line)


def _entry(
    path: Path, stream: str, day: str, start: int, line: bytes, on_corrupt: Callable[[CorruptLine], None] | None
) -> Iterator[Entry]:
    if line == b"\n":
        return
    try:
        record = decode_line(line)
    except ValueError as error:
        yield from _corrupt(CorruptLine(path, day, start, str(error)), on_corrupt)
        return
    yield Entry(day, start, start + len(line), record, stream)


def _corrupt(error: CorruptLine, on_corrupt: Callable[[CorruptLine], None] | None) -> Iterator[Entry]:
    if on_corrupt is None:
        raise error
    on_corrupt(error)
    yield from ()


def _line_start(file: BinaryIO, offset: int) -> int:
    """`offset` where a line begins there, else the start of the line around it (the log was cut back meanwhile)."""
    offset = min(offset, file.seek(0, 2))
    return last_newline(file, offset) + 1


def _read_exactly(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    blocks = []
    while start < end and (block := file.read(end - start)):
        blocks.append(block)
        start += len(block)
    return b"".join(blocks)
