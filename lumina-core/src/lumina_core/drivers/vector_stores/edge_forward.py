"""A forward index: from a point to what a search compares of it, read in one go.

Edge hands out vectors a number at a time and payloads a value at a time, which costs a search of 200 candidates more
than everything else together. Here the vectors of a point lie side by side, one byte a dimension, and behind them the
payload fields that are `compared`, ready to be sent.

forward.places            one row a record, appended; the last row of a point counts; the first row names the records
forward-000001.records    vectors, their scales, payload fields; appended

It belongs to the collection, not to a generation of its shard, and is a cache: what it does not know is read from Edge
and put here. A record is written before Edge is told of its point, so it is never older than an acknowledged point.
Both files are synced with the shard: what was written since then is written again by whoever was not told it was done.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.vector_stores.edge_files import atomic_write
from lumina_core.drivers.vector_stores.edge_wire import CompareColumns

__all__ = ["Compaction", "ForwardIndex", "Records", "compare_records"]

_PLACES: Final = "forward.places"
_ROW = np.dtype([("high", ">u8"), ("low", ">u8"), ("offset", "<u8"), ("vectors", "<u4"), ("payload", "<u4")])
_TAIL: Final = struct.Struct("<QII")
_SCALE_BYTES: Final = 4
_MOST_GARBAGE_BYTES: Final = 64 * 1024 * 1024
_WRITE_BYTES: Final = 4 * 1024 * 1024


class Records(NamedTuple):
    """Points by column: `uuids`, 16 bytes each and no two alike; `vectors`, `(sum(counts), dim)` float32, the dense one
    of a point in front of those of its sentences; `counts`, at least 1 each; and the compared fields of each as a
    msgpack mapping."""

    uuids: Sequence[bytes]
    vectors: NDArray[np.float32]
    counts: Sequence[int]
    payloads: Sequence[bytes]


class _Place(NamedTuple):
    """Where a record lies: `vectors` rows, the first of which is the dense one, and `payload` bytes behind them. A
    record without vectors is none: its point was dropped."""

    offset: int
    vectors: int
    payload: int


class ForwardIndex:
    """The records of one collection. Meant for one thread; only `Compaction.copy` may run in another.

    Args:
        path: The folder of the collection.
        dim: Of its vectors.
        fields: The payload fields that are compared; what was kept for others is forgotten.

    Raises:
        OSError: The files cannot be used.
    """

    def __init__(self, path: Path, dim: int, fields: Sequence[str]) -> None:
        self._path = path
        self._dim = dim
        self._fields = frozenset(fields)
        self._kind = zlib.crc32("\n".join([str(dim), *sorted(fields)]).encode())
        self._open()

    def _open(self) -> None:
        path = self._path / _PLACES
        self._places = _open_file(path)
        # What a crash left of one more row is cut off.
        os.ftruncate(self._places, os.fstat(self._places).st_size // _ROW.itemsize * _ROW.itemsize)
        rows = np.fromfile(path, _ROW)
        self._generation = int(rows["offset"][0]) if len(rows) else 0
        if not len(rows) or rows["low"][0] != self._kind:  # new, or records of another kind
            self._generation += 1
            rows = rows[:0]
            os.close(self._places)
            atomic_write(path, self._heading(self._generation))
            self._places = _open_file(path)
        self._records = _open_file(self._records_path(self._generation))
        self._end = os.fstat(self._records).st_size
        self._map = memoryview(b"")
        self._recent: dict[bytes, _Place] = {}  # since this process began, by the bytes of the UUID
        self._settle(rows[1:])
        for other in self._path.glob("forward-*.records"):
            if other != self._records_path(self._generation):
                other.unlink()

    def put(self, records: Records) -> None:
        """Write records, in the place of those of the same points.

        Raises:
            OSError: They could not be written. Until they are, nothing is known of these points.
        """
        codes, scales = _quantise(_unit(records.vectors))
        bodies, row = [], 0
        for count, payload in zip(records.counts, records.payloads, strict=True):
            bodies.append(codes[row : row + count].tobytes() + scales[row : row + count].tobytes() + payload)
            row += count
        self._write(records.uuids, bodies, records.counts, [len(payload) for payload in records.payloads])

    def forget(self, uuids: Sequence[bytes]) -> None:
        """Know nothing of these points any more. Raises `OSError` as `put` does."""
        known = [uuid for uuid, place in zip(uuids, self._find(uuids), strict=True) if place is not None]
        self._write(known, [b""] * len(known), [0] * len(known), [0] * len(known))

    def compare(self, vector: NDArray[np.float32], uuids: Sequence[bytes]) -> tuple[CompareColumns, list[int]]:
        """The cosines of a unit vector, `(dim,)`, with all vectors of these points.

        Returns:
            Columns of the points that are known, in order, and the positions in `uuids` of the others.
        """
        found: list[int] = []
        missing: list[int] = []
        counts: list[int] = []
        vectors: list[memoryview] = []
        scales: list[memoryview] = []
        payloads: list[msgspec.Raw] = []
        dim, records = self._dim, self._mapped()
        for number, place in enumerate(self._find(uuids)):
            if place is None:
                missing.append(number)
                continue
            start, count, payload_bytes = place
            middle, end = start + count * dim, start + count * (dim + _SCALE_BYTES)
            found.append(number)
            counts.append(count)
            vectors.append(records[start:middle])
            scales.append(records[middle:end])
            payloads.append(msgspec.Raw(records[end : end + payload_bytes]))
        codes = np.frombuffer(b"".join(vectors), np.int8).reshape(-1, dim)
        cosines = (codes.astype(np.float32) @ vector) * np.frombuffer(b"".join(scales), "<f4")
        return CompareColumns(found, counts, cosines.astype("<f4").tobytes(), payloads), missing

    def merge(self, changes: Mapping[bytes, Mapping[str, Any]]) -> None:
        """Change payload fields of points, those that are compared, where the point is known. Raises `OSError`."""
        uuids, bodies, counts, sizes = [], [], [], []
        for uuid, place in zip(changes, self._find(list(changes)), strict=True):
            fields = {key: value for key, value in changes[uuid].items() if key in self._fields}
            if place is None or not fields:
                continue
            record, end = self._read(place), place.vectors * (self._dim + _SCALE_BYTES)
            payload = msgspec.msgpack.encode({**msgspec.msgpack.decode(record[end:]), **fields})
            uuids.append(uuid)
            bodies.append(record[:end] + payload)
            counts.append(place.vectors)
            sizes.append(len(payload))
        self._write(uuids, bodies, counts, sizes)

    def sync(self) -> None:
        """Have the disk hold everything written so far."""
        os.fdatasync(self._records)
        os.fdatasync(self._places)

    def close(self) -> None:
        os.close(self._records)
        os.close(self._places)

    @property
    def needs_compacting(self) -> bool:
        """Whether what was replaced takes more room than what is in use."""
        return self._garbage_bytes > max(_MOST_GARBAGE_BYTES, self._end // 2)

    def start_compaction(self) -> Compaction:
        """Begin to leave out what was replaced. Raises `OSError`."""
        places = {**self._settled_places(), **self._recent}
        return Compaction(self, {uuid: place for uuid, place in places.items() if place.vectors})

    def _write(
        self, uuids: Sequence[bytes], bodies: Sequence[bytes], counts: Sequence[int], payload_bytes: Sequence[int]
    ) -> None:
        if not uuids:
            return
        replaced = [place for place in self._find(uuids) if place is not None]
        self._garbage_bytes += sum(map(self._size, replaced))
        gone = _Place(0, 0, 0)
        self._recent.update(dict.fromkeys(uuids, gone))  # should one of these writes fail
        rows = np.zeros(len(uuids), _ROW)
        halves = np.frombuffer(b"".join(uuids), ">u8").reshape(-1, 2)
        rows["high"], rows["low"] = halves[:, 0], halves[:, 1]
        rows["vectors"], rows["payload"] = counts, payload_bytes
        lengths = np.array([len(body) for body in bodies], np.uint64)
        rows["offset"] = self._end + np.cumsum(lengths) - lengths
        _append(self._records, b"".join(bodies))
        self._end += int(lengths.sum())
        _append(self._places, rows.tobytes())
        for uuid, offset, count, payload in zip(uuids, rows["offset"].tolist(), counts, payload_bytes, strict=True):
            self._recent[uuid] = _Place(offset, count, payload)

    def _find(self, uuids: Sequence[bytes]) -> list[_Place | None]:
        if not uuids:
            return []
        recent = self._recent
        settled = self._find_settled(uuids)
        places = [recent.get(uuid, before) for uuid, before in zip(uuids, settled, strict=True)]
        return [place if place is not None and place.vectors else None for place in places]

    def _find_settled(self, uuids: Sequence[bytes]) -> list[_Place | None]:
        if not len(self._high):
            return [None] * len(uuids)
        halves = np.frombuffer(b"".join(uuids), ">u8").reshape(-1, 2).astype("<u8")
        at = np.minimum(np.searchsorted(self._high, halves[:, 0]), len(self._high) - 1)
        is_known = (self._high[at] == halves[:, 0]) & (self._low[at] == halves[:, 1])
        return [
            _Place(*place) if known else None
            for place, known in zip(self._settled[at].tolist(), is_known.tolist(), strict=True)
        ]

    def _settle(self, rows: NDArray[np.void]) -> None:
        """Take these rows for what there was at the start: of each point the last one, if its record is whole."""
        newest_first = rows[::-1]
        high, order = np.unique(newest_first["high"].astype("<u8"), return_index=True)
        kept = newest_first[order]  # two points with equal halves: the older is unknown, so it is read from Edge
        ends = kept["offset"] + kept["vectors"].astype("<u8") * (self._dim + _SCALE_BYTES) + kept["payload"]
        whole = (ends <= self._end) & (kept["vectors"] > 0)
        self._high, self._low = high[whole], kept["low"][whole].astype("<u8")
        self._garbage_bytes = self._end - int((ends - kept["offset"])[whole].sum())
        self._settled = np.stack([kept[name][whole].astype("<i8") for name in ("offset", "vectors", "payload")], axis=1)

    def _settled_places(self) -> dict[bytes, _Place]:
        halves = np.stack([self._high, self._low], axis=1).astype(">u8")
        return {row.tobytes(): _Place(*place) for row, place in zip(halves, self._settled.tolist(), strict=True)}

    def _mapped(self) -> memoryview:
        """All records, in the page cache: a system call for each would take longer than to read them."""
        if len(self._map) < self._end:
            self._map = memoryview(mmap.mmap(self._records, self._end, access=mmap.ACCESS_READ))
        return self._map

    def _read(self, place: _Place) -> bytes:
        return os.pread(self._records, self._size(place), place.offset)

    def _size(self, place: _Place) -> int:
        return place.vectors * (self._dim + _SCALE_BYTES) + place.payload

    def _heading(self, generation: int) -> bytes:
        return bytes(8) + self._kind.to_bytes(8, "big") + _TAIL.pack(generation, 0, 0)

    def _records_path(self, generation: int) -> Path:
        return self._path / f"forward-{generation:06d}.records"


class Compaction:
    """Writes the records in use into files of their own, which then take the place of the others. Made by
    `ForwardIndex.start_compaction`; a crash before `finish` returns leaves the index as it was."""

    def __init__(self, index: ForwardIndex, in_use: dict[bytes, _Place]) -> None:
        self._index = index
        self._in_use = in_use
        self._generation = index._generation + 1
        self._rows: dict[bytes, bytes] = {}
        self._offset = 0
        self._file = index._records_path(self._generation).open("wb", buffering=_WRITE_BYTES)

    def copy(self) -> None:
        """Write what there was at the start. Another thread may use the index meanwhile: records never change. Raises
        `OSError`."""
        for uuid, place in sorted(self._in_use.items(), key=lambda item: item[1].offset):
            self._add(uuid, place)

    def finish(self) -> None:
        """Add what was written since the start, and switch over. Raises `OSError`."""
        index = self._index
        for uuid, place in index._recent.items():
            if self._in_use.get(uuid) != place:
                self._rows.pop(uuid, None)
                if place.vectors:
                    self._add(uuid, place)
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self._file.close()
        atomic_write(index._path / _PLACES, index._heading(self._generation) + b"".join(self._rows.values()))
        index.close()
        index._open()

    def abandon(self) -> None:
        """Leave everything as it was."""
        self._file.close()
        index = self._index
        if index._generation != self._generation:
            index._records_path(self._generation).unlink(missing_ok=True)

    def _add(self, uuid: bytes, place: _Place) -> None:
        record = self._index._read(place)
        self._file.write(record)
        self._rows[uuid] = uuid + _TAIL.pack(self._offset, place.vectors, place.payload)
        self._offset += len(record)


def _open_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _append(file: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def compare_records(records: Records, vector: NDArray[np.float32], positions: list[int]) -> CompareColumns:
    """What `ForwardIndex.compare` does, without the rounding, for records that stand at these positions."""
    cosines = _unit(records.vectors) @ vector
    payloads = [msgspec.Raw(payload) for payload in records.payloads]
    return CompareColumns(positions, list(records.counts), cosines.astype("<f4").tobytes(), payloads)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)


def _quantise(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Unit rows as one byte a dimension, and what each is to be multiplied by, `(n,)`: a cosine is off by .0005."""
    scales = np.abs(rows).max(axis=1) / 127
    codes = np.rint(rows / np.where(scales > 0, scales, 1)[:, None]).astype(np.int8)
    return codes, scales.astype("<f4")
