"""The string ids of points, by UUID: hits name their points by these, and reading one from its payload costs more than
finding the point."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from lumina_core.drivers.vector_stores.edge_wire import uuid_number

__all__ = ["PointNames"]

_MOST = 250_000
"""What is kept at hand, about 50 MB."""


class PointNames:
    """What is known of the names. A UUID stands for one string for ever, so nothing here ages.

    They are also appended to a file, one a line, so that a restart knows them. It is a cache: it is not synced, a line
    that was cut off names no point, and what is missing is read from the payloads again. Thread-safe.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[int, str] = {}
        self._file: BinaryIO | None = None

    def load(self) -> None:
        """Read the file. Lets other threads run between any two lines."""
        with contextlib.suppress(FileNotFoundError), self._path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                name = line.rstrip("\n")
                self._known.setdefault(uuid_number(name), name)
        self._forget()

    def of(self, uuids: Iterable[UUID]) -> list[str | None]:
        """The names, None for one that was not learned."""
        known = self._known
        return [known.get(uuid.int) for uuid in uuids]

    def learn(self, named: Iterable[tuple[int, str]]) -> None:
        """Remember names of points, by the number of the UUID."""
        new = {number: name for number, name in named if number not in self._known}
        if not new:
            return
        self._known.update(new)
        self._forget()
        lines = "".join(name + "\n" for name in new.values() if "\n" not in name and "\r" not in name)
        with contextlib.suppress(OSError):  # a full disk: they are read from the payloads after a restart
            if self._file is None:
                self._file = self._path.open("ab")
            self._file.write(lines.encode("utf-8", "surrogatepass"))
            self._file.flush()

    def _forget(self) -> None:
        """The first to come are the first to go."""
        if len(self._known) > _MOST:
            for number in list(islice(self._known, len(self._known) - _MOST)):
                self._known.pop(number, None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
