"""Building the ANN index of a collection while it is searched and written to.

Edge's own `optimize()` stops every other thread for as long as it runs. So it runs elsewhere, on a copy:

1. The shard is flushed and its files are copied. Writes to this collection wait meanwhile, searches do not. Edge
   changes files only inside a call of ours and keeps nothing back after a flush: the copy is what a closed shard is.
   Vectors and indexes of segments that were optimised before never change; of those the copy is a hard link.
2. Another process of low priority optimises the copy. Writes go to the shard in use and, once done, into a journal.
3. The journal is replayed onto the optimised copy, in order, between other calls, until nothing is left in it.
4. The copy is synced and flushed, and `CURRENT` is atomically replaced by its name. The old generation is removed.

Until `CURRENT` is replaced the old generation has every write in its own write-ahead log, so a crash costs nothing but
the work done; the journal need not survive and is removed at the next start with whatever `CURRENT` does not name.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import struct
import sys
from collections.abc import Callable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import structlog

from lumina_core.drivers.vector_stores.edge_collection import Collection, read_ahead
from lumina_core.drivers.vector_stores.edge_files import atomic_write, sync_tree
from lumina_core.drivers.vector_stores.edge_schedule import Job, Schedule
from lumina_core.errors import CoreError, StorageFull

__all__ = ["OPTIMISE_AT_POINTS", "Optimisation", "Unindexed", "copy_shard", "copy_tree", "disk_bytes"]

log = structlog.get_logger(__name__)

OPTIMISE_AT_POINTS = 20_000
"""So many points may wait outside the ANN index: searching them one by one costs 2 to 3 ms."""

_DELETED_SHARE = 0.2
_REPLAYS_AT_ONCE = 3
_FROZEN = frozenset({"matrix.dat", "quantized.data", "links_compressed.bin", "graph.bin", "inverted_index.dat"})
_FROZEN_VECTORS = re.compile(r"vector_storage-sentences/(vectors|offsets)/chunk_\d+\.mmap")
_NOTHING_TO_DO = 3
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Unindexed:
    """How far a collection is from optimised: `points` outside the ANN index, `deleted` ones still inside it."""

    points: int
    deleted: int
    total: int

    @classmethod
    def of(cls, collection: Collection) -> Unindexed:
        """Estimate from what Edge counts. A point replaced since the last optimisation counts once as each."""
        info = collection.shard.info()
        inside = collection.indexed_points
        outside = info.points_count - inside
        if collection.spec.bm25:
            # Edge counts an entry for every vector of an indexed point, and for every sparse vector anywhere.
            per_point = 2 if collection.spec.sentences else 1
            outside = max(outside, info.indexed_vectors_count - (per_point + 1) * inside)
        outside = min(max(outside, 0), info.points_count)
        return cls(outside, max(inside + outside - info.points_count, 0), info.points_count)

    @property
    def is_much(self) -> bool:
        return self.points > OPTIMISE_AT_POINTS or (
            self.deleted > max(1_000, _DELETED_SHARE * (self.total + self.deleted))
        )


class Replayed(Protocol):
    def __call__(self, collection: Collection, body: bytes) -> None: ...


class Optimisation:
    """One run over one collection. `record` takes the writes that happen meanwhile."""

    def __init__(self, collection: Collection, schedule: Schedule, replay: Replayed, min_free_bytes: int) -> None:
        self._collection = collection
        self._schedule = schedule
        self._replay = replay
        self._min_free_bytes = min_free_bytes
        self._journal: _Journal | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._abandoned = False
        self.ended = asyncio.Event()
        self._generation = f"shard-{int(collection.generation.removeprefix('shard-')) + 1:06d}"
        self._copy_path = collection.path / self._generation

    def record(self, body: bytes) -> None:
        """Keep a write that has just been done on the shard in use."""
        if self._journal is not None:
            self._journal.append(body)

    def abandon(self) -> None:
        """Give up: the collection goes away or the process ends."""
        self._abandoned = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def run(self) -> bool:
        """Returns whether a better generation is in use now."""
        try:
            return await self._run()
        except Exception:
            if self._abandoned:  # whatever broke, nobody wants it any more
                return False
            raise
        finally:
            self.ended.set()

    async def _run(self) -> bool:
        waiting = Unindexed.of(self._collection)
        if not waiting.points and not waiting.deleted:
            return False
        self._check_room()
        try:
            await self._copy()
            if not await self._optimise():
                return False
            await self._swap()
        except OSError as error:
            if error.errno == 28:  # ENOSPC
                raise StorageFull(
                    f"the disk is full: {self._collection.spec.name!r} was not optimised",
                    hint="Free some space; searching and writing go on as before.",
                ) from error
            raise
        finally:
            self._schedule.release(self._collection.spec.name)
            if self._journal is not None:
                self._journal.close()
            if self._collection.generation != self._generation:
                await asyncio.to_thread(shutil.rmtree, self._copy_path, ignore_errors=True)
        return not self._abandoned

    def _check_room(self) -> None:
        needed_bytes = int(2.5 * disk_bytes(self._collection.shard_path)) + self._min_free_bytes
        free_bytes = shutil.disk_usage(self._collection.path).free
        if free_bytes < needed_bytes:
            raise StorageFull(
                f"optimising {self._collection.spec.name!r} needs {needed_bytes // 2**20} MiB, "
                f"the disk has {free_bytes // 2**20} MiB left",
                hint="Free some space; searching goes on, only slower.",
            )

    async def _copy(self) -> None:
        name = self._collection.spec.name
        await asyncio.to_thread(sync_tree, self._collection.shard_path)  # so that the flush below has little to do
        self._schedule.hold(name)
        self._collection.flush()
        await asyncio.to_thread(copy_shard, self._collection.shard_path, self._copy_path)
        _reached("copied")
        self._journal = _Journal(self._collection.path / "optimise.journal")
        self._schedule.release(name)

    async def _optimise(self) -> bool:
        if self._abandoned:
            return False
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "lumina_core.drivers.vector_stores.edge_optimise_process",
            str(self._copy_path),
            msgspec.json.encode(self._collection.spec).decode(),
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _reached("optimising")
        _, complaint = await self._process.communicate()
        if self._abandoned or self._process.returncode == _NOTHING_TO_DO:
            return False
        if self._process.returncode != 0:
            tail = complaint.decode(errors="replace").strip().splitlines()[-1:]
            raise CoreError(
                f"{self._collection.spec.name!r} could not be optimised: {' '.join(tail) or self._process.returncode}",
                hint="Searching goes on, only slower. If this happens again, run `lumina reindex`.",
            )
        _reached("optimised")
        return True

    async def _swap(self) -> None:
        await asyncio.to_thread(read_ahead, self._copy_path)
        copy = Collection.load(self._collection.path, self._collection.spec, self._generation, self._collection.names)
        try:
            await self._replay_journal(copy, last=None)
            _reached("replayed")
            await asyncio.to_thread(sync_tree, self._copy_path)
            old_shard, old_path = self._collection.shard, self._collection.shard_path
            await self._replay_journal(copy, last=lambda: self._put_in_use(copy))
        except BaseException:
            copy.close()
            raise
        if self._abandoned:
            copy.close()
            return
        await asyncio.to_thread(sync_tree, old_path)
        old_shard.close()
        await asyncio.to_thread(shutil.rmtree, old_path, ignore_errors=True)
        await asyncio.to_thread(read_ahead, self._copy_path, everything=True)
        _reached("removed")

    async def _replay_journal(self, copy: Collection, last: Callable[[], None] | None) -> None:
        """Replay until nothing is left; then run `last` before any other call can add to the journal."""
        journal = self._journal
        if journal is None:
            return
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def step(turn: int) -> None:
            if finished.done():
                return
            try:
                body = None if self._abandoned else journal.next()
                if body is None:
                    if last is not None and not self._abandoned:
                        last()
                    finished.set_result(None)
                    return
                self._replay(copy, body)
            except Exception as error:  # handed to whoever awaits
                finished.set_exception(error)
                return
            queue(turn)

        def queue(turn: int) -> None:
            self._schedule.add(Job((self, turn), self._collection.spec.name, True, lambda: step(turn)))

        # Several places in the line of writers: replaying must outrun whoever fills the journal.
        for turn in range(_REPLAYS_AT_ONCE):
            queue(turn)
        await finished

    def _put_in_use(self, copy: Collection) -> None:
        copy.flush()
        _reached("flushed")
        atomic_write(self._collection.path / "CURRENT", self._generation.encode())
        _reached("switched")
        self._collection.put_in_use(copy)
        log.info("collection_optimised", collection=self._collection.spec.name, generation=self._generation)


def _reached(step: str) -> None:
    """Tests kill the process here."""


class _Journal:
    """Writes to be done again, in order, in a file that need not survive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end: BinaryIO = path.open("wb")
        self._front: BinaryIO = path.open("rb")
        self._waiting = 0

    def append(self, body: bytes) -> None:
        self._end.write(_LENGTH.pack(len(body)) + body)
        self._waiting += 1

    def next(self) -> bytes | None:
        if not self._waiting:
            return None
        self._waiting -= 1
        self._end.flush()
        (length,) = _LENGTH.unpack(self._front.read(_LENGTH.size))
        return self._front.read(length)

    def close(self) -> None:
        self._end.close()
        self._front.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def copy_shard(source: Path, target: Path) -> None:
    """Copy a shard that is flushed and not written to; what never changes any more is linked instead."""
    copy_tree(source, target, link=_frozen_files(source))


def _frozen_files(shard: Path) -> frozenset[Path]:
    """The large files that Edge writes once, in segments it no longer appends to: points that are changed go to another
    segment, points that are deleted are marked elsewhere."""
    frozen: set[Path] = set()
    for segment in (shard / "segments").iterdir():
        if (segment / "id_tracker.mappings").exists():  # else it can still be appended to
            frozen.update(
                path
                for path in segment.rglob("*")
                if path.name in _FROZEN or _FROZEN_VECTORS.fullmatch(path.relative_to(segment).as_posix())
            )
    return frozenset(frozen)


def copy_tree(source: Path, target: Path, *, link: Set[Path] = frozenset()) -> None:
    """Copy a directory; holes in files stay holes (write-ahead logs and chunks are mostly holes)."""
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir(parents=True, exist_ok=True)
        for name in names:
            path = Path(folder) / name
            if path in link:
                (into / name).hardlink_to(path)
            else:
                _copy_sparse(path, into / name)


def _copy_sparse(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        offset = 0
        while offset < size:
            try:
                start = os.lseek(reading.fileno(), offset, os.SEEK_DATA)
            except OSError:  # ENXIO: only a hole is left
                return
            offset = os.lseek(reading.fileno(), start, os.SEEK_HOLE)
            os.lseek(writing.fileno(), start, os.SEEK_SET)
            at = start
            while at < offset:
                sent = os.sendfile(writing.fileno(), reading.fileno(), at, min(offset - at, 8 * 1024 * 1024))
                if not sent:
                    return
                at += sent


def disk_bytes(path: Path) -> int:
    """What the files below take on disk, holes not counted."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_blocks * 512
    return total
