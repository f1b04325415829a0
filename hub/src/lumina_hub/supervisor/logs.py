"""A module's output, line by line, into a file of its own that never grows beyond bounds.

Each line becomes a `ModuleLogLine` as JSON. What the SDK logs is JSON already and keeps its fields; anything else is a
line of text. A module that floods is read no faster than the bounds allow: it waits, and the hub does not.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lumina_sdk.contract.module import LogLevel, ModuleLogLine

__all__ = ["ModuleLog", "read_log"]

_FILE_BYTES = 4 * 1024 * 1024
_OLD_FILES = 2
_LONGEST_LINE = 8192
_BYTES_PER_S = 256 * 1024
_LINES_PER_S = 200
_OUR_FIELDS = ("ts", "level", "event", "timestamp", "fields")


class ModuleLog:
    """The file `<slug>.log` in a folder, with two older ones beside it."""

    def __init__(self, folder: Path, slug: str, *, now: Callable[[], float] = time.time) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{slug}.log"
        self._now = now
        self._file = self.path.open("ab", buffering=0)
        self._size = self._file.tell()
        self.dropped = 0

    def note(self, level: LogLevel, event: str, **fields: Any) -> None:
        """A line of the hub's own about the module."""
        self._write(ModuleLogLine(ts=self._now(), level=level, event=event, fields=fields))

    async def follow(self, output: asyncio.StreamReader) -> None:
        """Take everything down until the output ends."""
        loop = asyncio.get_running_loop()
        rest, second, taken, lines = b"", loop.time(), 0, 0
        while piece := await output.read(16_384):
            taken += len(piece)
            *whole, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                whole, rest = [*whole, rest], b""
            for line in whole:
                lines += 1
                if lines <= _LINES_PER_S:
                    self._take(line)
                else:
                    self.dropped += 1
            if taken >= _BYTES_PER_S:
                await asyncio.sleep(max(0.0, second + 1 - loop.time()))
            if loop.time() - second >= 1:
                if lines > _LINES_PER_S:
                    self.note(LogLevel.WARNING, "lines_left_out", count=lines - _LINES_PER_S)
                second, taken, lines = loop.time(), 0, 0
        if rest:
            self._take(rest)
        if lines > _LINES_PER_S:
            self.note(LogLevel.WARNING, "lines_left_out", count=lines - _LINES_PER_S)

    def close(self) -> None:
        self._file.close()

    def _take(self, raw: bytes) -> None:
        text = raw[:_LONGEST_LINE].decode(errors="replace").rstrip()
        if text:
            self._write(_parsed(text, self._now()))

    def _write(self, line: ModuleLogLine) -> None:
        data = line.model_dump_json().encode() + b"\n"
        try:
            if self._size + len(data) > _FILE_BYTES:
                self._rotate()
            self._size += self._file.write(data)
        except OSError:
            self.dropped += 1  # a full disk loses log lines, not the module

    def _rotate(self) -> None:
        self._file.close()
        for number in range(_OLD_FILES, 0, -1):
            older = self.path.with_suffix(f".log.{number}")
            newer = self.path.with_suffix(f".log.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab", buffering=0)
        self._size = 0


def read_log(folder: Path, slug: str, *, limit: int) -> tuple[ModuleLogLine, ...]:
    """The last `limit` lines, oldest first. A module that never ran has none."""
    lines: list[ModuleLogLine] = []
    for name in (f"{slug}.log", *(f"{slug}.log.{number}" for number in range(1, _OLD_FILES + 1))):
        try:
            raw = (folder / name).read_bytes().splitlines()
        except FileNotFoundError:
            break
        lines = [*_read(raw[-(limit - len(lines)) :]), *lines]
        if len(lines) >= limit:
            break
    return tuple(lines)


def _read(raw: list[bytes]) -> Iterator[ModuleLogLine]:
    for line in raw:
        try:
            yield ModuleLogLine.model_validate_json(line)
        except ValidationError:
            continue  # cut off when the hub was killed


def _parsed(text: str, now: float) -> ModuleLogLine:
    if text.startswith("{"):
        try:
            found = json.loads(text)
            level = str(found.get("level", "info")).lower()
            fields = {name: value for name, value in found.items() if name not in _OUR_FIELDS}
            if isinstance(found.get("fields"), dict):
                fields |= found["fields"]
            return ModuleLogLine(
                ts=now,
                level=LogLevel(level) if level in set(LogLevel) else LogLevel.INFO,
                event=str(found["event"]),
                fields=fields,
            )
        except (ValueError, KeyError, RecursionError):
            pass
    return ModuleLogLine(ts=now, event=text)
