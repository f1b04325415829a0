"""The graph log: the only source of truth. Every other store can be deleted and rebuilt from it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from lumina_core.errors import Conflict, HomeLocked, InvalidInput, StorageFull
from lumina_core.graph.layout import (
    ARTICLES,
    LINKS,
    RECOVERY,
    Entry,
    LogPosition,
    Written,
    fsync_directory,
    make_directories,
    stream_path,
    streams,
)
from lumina_core.graph.reader import (
    MAX_LINE_BYTES,
    CorruptLine,
    bytes_after,
    log_end,
    read_entry,
    read_log,
    read_log_backwards,
)
from lumina_core.graph.repair import repair_tail

__all__ = [
    "ARTICLES",
    "LINKS",
    "RECOVERY",
    "CorruptLine",
    "Entry",
    "GraphLog",
    "LogPosition",
    "Written",
    "bytes_after",
    "log_end",
    "read_entry",
    "read_log",
    "read_log_backwards",
]

_BATCH_BYTES = 32 * 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class _Job:
    parts: list[tuple[str, list[bytes]]]
    done: Callable[[list[list[Written]]], None]
    future: Future[Any]
    size_bytes: int


class _File:
    """An open file of the log and how many of its bytes are good."""

    def __init__(self, path: Path, day: str) -> None:
        make_directories(path.parent)
        is_new = not path.exists()
        if not is_new:
            repair_tail(path)
        self.path = path
        self.day = day
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.size = os.fstat(self._fd).st_size
        self._dirty = False
        if is_new:
            fsync_directory(path.parent)

    @property
    def is_intact(self) -> bool:
        """Whether the file is still the one we left: nobody removed it, cut it or added to it."""
        stat = os.fstat(self._fd)
        return stat.st_nlink > 0 and (self._dirty or stat.st_size == self.size)

    def append(self, data: bytes) -> None:
        if self._dirty:
            self.cut(self.size)
        space = os.fstatvfs(self._fd)
        if space.f_bavail * space.f_frsize < len(data):  # so that readers rarely see what is then cut away again
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._dirty = True
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        os.fsync(self._fd)
        self._dirty = False
        self.size += len(data)

    def cut(self, size: int) -> None:
        self.size = size
        self._dirty = True
        os.ftruncate(self._fd, size)
        os.fsync(self._fd)
        self._dirty = False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class GraphLog:
    """The one writer of a graph directory. Thread-safe; every append is written and fsynced by one thread, which
    takes all that wait for it at once (group commit)."""

    def __init__(self, root: Path, lock_fd: int, last_days: dict[str, str], today: Callable[[], str]) -> None:
        """Use `open`."""
        self._root = root
        self._lock_fd = lock_fd
        self._last_days = last_days
        self._today = today
        self._files: dict[str, _File] = {}
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="graph-log", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, root: Path, *, today: Callable[[], str] | None = None) -> GraphLog:
        """Open the log for appending, creating the directory, after moving aside what a crash left unfinished.

        Args:
            root: The graph directory.
            today: Names the UTC day (`2026/11/22`) an append belongs to. A day before one already written is
                taken for a clock set back: the append goes to the later day, so that order is kept.

        Raises:
            HomeLocked: Another process has it open for appending.
            StorageFull: There is no room to move torn bytes aside.
        """
        last_days = {}
        lock_fd = -1
        try:
            make_directories(root)
            lock_fd = _lock(root)
            for stream, days in streams(root).items():
                last_days[stream] = days[-1]
                for day in days[-2:]:
                    repair_tail(stream_path(root, stream, day))
        except OSError as error:
            if lock_fd >= 0:
                os.close(lock_fd)
            raise _storage_error(error, root) from error
        return cls(root, lock_fd, last_days, today or _utc_day)

    @property
    def root(self) -> Path:
        return self._root

    def append(self, stream: str, records: Sequence[Mapping[str, Any]]) -> Future[list[Written]]:
        """Append one line per record, all or none, in order; the future resolves once they are on the disk.

        A bulk writer waits for its futures now and then: what is not yet written waits in memory. Callbacks of the
        future run on the writer's thread and must be short. Cancelling works until the write begins.

        Raises:
            InvalidInput: A record is not JSON, or over 512 MiB; nothing is appended.
            Conflict: The log is closed.
            StorageFull: From the future. Nothing of the append was kept, and the log works again once there is room.
        """
        future: Future[list[Written]] = Future()
        self._submit([(stream, records)], future, lambda written: future.set_result(written[0]))
        return future

    def append_many(self, parts: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Future[list[list[Written]]]:
        """Append to several streams in one commit: the first one's lines are on the disk before the second's begin.

        After a failure none is kept. After a crash before the future resolved, lines of the first streams may be there
        without those of the later ones.
        """
        future: Future[list[list[Written]]] = Future()
        self._submit(parts, future, future.set_result)
        return future

    def close(self) -> None:
        """Finish what waits, then release the files. Calling it twice is fine."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        os.close(self._lock_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(
        self,
        parts: Sequence[tuple[str, Sequence[Mapping[str, Any]]]],
        future: Future[Any],
        done: Callable[[list[list[Written]]], None],
    ) -> None:
        encoded = []
        for stream, records in parts:
            stream_path(self._root, stream, "0000/00/00")  # refuses what is no stream
            encoded.append((stream, [_encode(record) for record in records]))
        size = sum(len(line) for _, lines in encoded for line in lines)
        with self._closing:
            if self._closed:
                raise Conflict("the graph log is closed", hint="Lumina is stopping; try again once it is up.")
            self._jobs.put(_Job(encoded, done, future, size))

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch: list[_Job] = []
            size = 0
            job = self._jobs.get()
            while True:
                if job is None:
                    stopping = True
                    break
                if job.future.set_running_or_notify_cancel():
                    batch.append(job)
                    size += job.size_bytes
                if size >= _BATCH_BYTES:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
        for file in self._files.values():
            file.close()

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            written = self._write(jobs)
        except OSError as error:
            if len(jobs) > 1:  # one that asks too much shall not fail the others
                for job in jobs:
                    self._commit([job])
                return
            failure = _storage_error(error, self._root)
            _log.error("graph_log_write_failed", error=str(error), size_bytes=jobs[0].size_bytes)
            jobs[0].future.set_exception(failure)
        except BaseException as error:  # the thread must outlive a bug, or every later caller would wait for ever
            for job in jobs:
                job.future.set_exception(error)
        else:
            for job, places in zip(jobs, written, strict=True):
                job.done(places)

    def _write(self, jobs: list[_Job]) -> list[list[list[Written]]]:
        day = self._today()
        files: dict[str, _File] = {}
        ends: dict[str, int] = {}
        pending: dict[str, list[bytes]] = {}
        written: list[list[list[Written]]] = []
        for job in jobs:
            written.append([])
            for stream, lines in job.parts:
                if not lines:
                    written[-1].append([])
                    continue
                if stream not in files:
                    files[stream] = self._file(stream, day)
                    ends[stream] = files[stream].size
                    pending[stream] = []
                places = []
                for line in lines:
                    start = ends[stream]
                    ends[stream] = start + len(line)
                    places.append(Written(files[stream].day, start, ends[stream]))
                pending[stream].extend(lines)
                written[-1].append(places)
        before = {stream: file.size for stream, file in files.items()}
        try:
            for stream, file in files.items():
                file.append(b"".join(pending[stream]))
        except OSError:
            for stream, file in files.items():
                self._cut(file, before[stream])
            raise
        return written

    def _cut(self, file: _File, size: int) -> None:
        try:
            file.cut(size)
        except OSError as error:  # it is tried again before the next append to the file
            _log.error("graph_log_cut_failed", file=str(file.path), offset=size, error=str(error))

    def _file(self, stream: str, day: str) -> _File:
        day = max(day, self._last_days.get(stream, ""))
        file = self._files.get(stream)
        if file is not None and (file.day != day or not file.is_intact):
            if file.day == day:
                _log.warning("graph_log_changed_by_another", file=str(file.path))
            file.close()
            file = None
        if file is None:
            file = self._files[stream] = _File(stream_path(self._root, stream, day), day)
            self._last_days[stream] = day
        return file


def _encode(record: Mapping[str, Any]) -> bytes:
    try:
        line = _encoder.encode(record if isinstance(record, dict) else dict(record))
    except (TypeError, ValueError, RecursionError, OverflowError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"a record for the log is not JSON: {error}") from error
    if len(line) >= MAX_LINE_BYTES:
        raise InvalidInput(f"a record for the log is {len(line)} bytes long", hint="Split it: 512 MiB is the most.")
    return line + b"\n"


def _lock(root: Path) -> int:
    # A POSIX lock belongs to this process alone: a forked child that outlives us does not keep it.
    fd = os.open(root / ".writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise HomeLocked(
            f"the graph directory {root} is already open for writing, by process {holder}",
            hint="Stop that Lumina first, or use another --graphs directory.",
        ) from error
    with contextlib.suppress(OSError):  # a full disk must not keep the log from being opened
        os.pwrite(fd, f"{os.getpid():<15}\n".encode(), 0)
    return fd


def _storage_error(error: OSError, root: Path) -> StorageFull:
    if error.errno in _FULL:
        return StorageFull(
            f"there is no room left for the graph log in {root}; nothing of this write was kept",
            hint="Free some space (or raise the quota) and try again; Lumina need not be restarted.",
        )
    return StorageFull(
        f"the disk refused a write to the graph log in {root}: {error.strerror or error}; nothing of it was kept",
        hint="Check the disk and the directory's permissions; Lumina need not be restarted once it works again.",
    )


def _utc_day() -> str:
    return datetime.now(UTC).strftime("%Y/%m/%d")
