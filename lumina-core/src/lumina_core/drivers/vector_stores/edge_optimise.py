"""Building the ANN index of a collection while it is searched and written to.

Edge's own `optimize()` stops every other thread for as long as it runs. So it runs elsewhere, on a copy:

1. Another process copies the files of the shard while it is in use, and then brings the copy up to date; writes to this
   collection wait meanwhile, searches do not. Edge changes files only inside a call of ours: the copy is what a killed
   process would leave, with a write-ahead log that holds the rest. Nothing is flushed, for Edge's flush waits for the
   disk some fifty times, and everything with it.
2. The other process lowers its priority and optimises the copy. Writes go to the shard in use and, once done, into a
   journal.
3. The journal is replayed onto the optimised copy, in order, between other calls, until nothing is left in it.
4. The copy is synced, what came meanwhile is replayed, and `CURRENT` is atomically replaced by its name. The old
   generation is closed, which flushes it, when nobody searches, and removed.

Until `CURRENT` is replaced the old generation has every write in its own write-ahead log, so a crash costs nothing but
the work done; the journal need not survive and is removed at the next start with whatever `CURRENT` does not name.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import structlog

from lumina_core.drivers.vector_stores.edge_collection import Collection, read_ahead
from lumina_core.drivers.vector_stores.edge_copy import disk_bytes
from lumina_core.drivers.vector_stores.edge_files import sync_directory, sync_tree, write_beside
from lumina_core.drivers.vector_stores.edge_schedule import Job, Schedule
from lumina_core.errors import CoreError, StorageFull

__all__ = ["OPTIMISE_AT_POINTS", "Optimisation", "Unindexed"]

log = structlog.get_logger(__name__)

OPTIMISE_AT_POINTS = 20_000
"""So many points may wait outside the ANN index: searching them one by one costs 2 to 3 ms."""

_DELETED_SHARE = 0.2
_REPLAYS_AT_ONCE = 3
_QUIET_PATIENCE_S = 5.0
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
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "lumina_core.drivers.vector_stores.edge_optimise_process",
            str(self._collection.shard_path),
            str(self._copy_path),
            msgspec.json.encode(self._collection.spec).decode(),
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None  # noqa: S101 — asked for above
        assert process.stdout is not None  # noqa: S101
        await process.stdout.readline()  # it has copied; should it have died, `_optimise` will see
        self._schedule.hold(name)
        process.stdin.write(b"\n")
        await process.stdout.readline()  # the copy is up to date
        _reached("copied")
        self._journal = _Journal(self._collection.path / "optimise.journal")
        self._schedule.release(name)

    async def _optimise(self) -> bool:
        process = self._process
        if self._abandoned or process is None:
            return False
        _reached("optimising")
        _, complaint = await process.communicate()
        if self._abandoned or process.returncode == _NOTHING_TO_DO:
            return False
        if process.returncode != 0:
            tail = complaint.decode(errors="replace").strip().splitlines()[-1:]
            raise CoreError(
                f"{self._collection.spec.name!r} could not be optimised: {' '.join(tail) or process.returncode}",
                hint="Searching goes on, only slower. If this happens again, run `lumina reindex`.",
            )
        _reached("optimised")
        return True

    async def _swap(self) -> None:
        await asyncio.to_thread(read_ahead, self._copy_path)
        copy = Collection.load(self._collection.path, self._collection.spec, self._generation, self._collection.names)
        try:
            await self._replay_journal(copy)
            _reached("replayed")
            await asyncio.to_thread(sync_tree, self._copy_path)
            current = self._collection.path / "CURRENT"
            beside = await asyncio.to_thread(write_beside, current, self._generation.encode())
            await self._replay_journal(copy, then_hold=True)
            _reached("prepared")
        except BaseException:
            copy.close()
            raise
        if self._abandoned:
            copy.close()
            return
        old_shard, old_path = self._collection.shard, self._collection.shard_path
        beside.replace(current)  # nothing may come between this and the next
        self._collection.put_in_use(copy)
        _reached("switched")
        await asyncio.to_thread(sync_directory, self._collection.path)
        self._schedule.release(self._collection.spec.name)
        log.info("collection_optimised", collection=self._collection.spec.name, generation=self._generation)
        await asyncio.to_thread(sync_tree, old_path)
        await self._schedule.quiet(_QUIET_PATIENCE_S)
        old_shard.close()
        await asyncio.to_thread(shutil.rmtree, old_path, ignore_errors=True)
        await asyncio.to_thread(read_ahead, self._copy_path, everything=True)
        _reached("removed")

    async def _replay_journal(self, copy: Collection, *, then_hold: bool = False) -> None:
        """Replay until nothing is left; with `then_hold`, let no write come after it."""
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
                    if then_hold:
                        self._schedule.hold(self._collection.spec.name)
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
