"""Starting the index process and starting it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from lumina_core.drivers.vector_stores.edge_process import LOCKED
from lumina_core.errors import Conflict, StorageFull, VectorStoreDown

__all__ = ["EdgeSupervisor"]

log = structlog.get_logger(__name__)

_LONGEST_SOCKET_PATH = 100
_LONGEST_LOG_BYTES = 4 * 1024 * 1024
_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_AFTER_S = 60.0
_STOP_PATIENCE_S = 30.0
_START_PATIENCE_S = 120.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_MODULE = "lumina_core.drivers.vector_stores.edge_process"


class EdgeSupervisor:
    """The parent's side of the index process. It ends when we end, however we end.

    Args:
        path: The directory of the index; made if missing.
        min_free_bytes: What must stay free on its disk.
        lock_patience_s: How long to wait for a predecessor that is still flushing.
        command: What to run instead of our module; tests put faults in this way.
    """

    def __init__(
        self, path: Path, *, min_free_bytes: int, lock_patience_s: float, command: Sequence[str] | None = None
    ) -> None:
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._lock_patience_s = lock_patience_s
        self._command = tuple(command or (sys.executable, "-P", "-m", _MODULE))
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._socket_folder: Path | None = None
        self._last_words = ""
        self._stopping = False
        self.restarts = 0
        self.socket_path = path / "edge.sock"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def last_words(self) -> str | None:
        """Why the last process could not start, where it said so."""
        return self._last_words or None

    async def start(self) -> None:
        """Return once it listens.

        Raises:
            Conflict: Another process owns this index.
            StorageFull: There is no room for it.
            VectorStoreDown: It cannot start; the message says why.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VectorStoreDown(f"the index directory cannot be made: {error}") from error
        if len(os.fsencode(self.socket_path)) > _LONGEST_SOCKET_PATH:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="lumina-"))
            self.socket_path = self._socket_folder / "edge.sock"
        try:
            await self._launch()
        except BaseException:
            self._remove_socket_folder()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let it flush and end; twice is fine."""
        self._stopping = True
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        await self._end()
        self._remove_socket_folder()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_PATIENCE_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _remove_socket_folder(self) -> None:
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    async def _launch(self) -> None:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        environment["MALLOC_ARENA_MAX"] = "2"
        environment["OPENBLAS_NUM_THREADS"] = "1"  # a comparison is a quarter of a millisecond: threads spin for longer
        logs = self._path / "edge.log"
        too_long = logs.exists() and logs.stat().st_size > _LONGEST_LOG_BYTES
        with logs.open("wb" if too_long else "ab") as log_file:
            said_before = log_file.tell()
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(self._path),
                str(self.socket_path),
                str(os.getpid()),
                str(self._min_free_bytes),
                str(self._lock_patience_s),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                env=environment,
                start_new_session=True,
            )
        self._process = process
        assert process.stdout is not None  # noqa: S101 — asked for above
        try:
            async with asyncio.timeout(_START_PATIENCE_S):
                word = await process.stdout.readline()
        except BaseException:
            await self._end()
            raise
        if word.strip() == b"ready":
            self._last_words = ""
            return
        status = await process.wait()
        await self._end()
        self._last_words = _last_line(logs, said_before)
        reason = self._last_words or f"it ended with status {status}"
        if status == LOCKED:
            raise Conflict(self._last_words, hint="Stop the other Lumina that uses this directory first.")
        if shutil.disk_usage(self._path).free < self._min_free_bytes:
            raise StorageFull(f"the index process cannot start, the disk is full: {reason}", hint="Free some space.")
        raise VectorStoreDown(
            f"the index process cannot start: {reason}", hint=f"See {str(logs)!r}; `lumina reindex` rebuilds the index."
        )

    async def _watch(self) -> None:
        """Start it again whenever it ends, slower and slower if that goes on."""
        loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping:
            process, started = self._process, loop.time()
            if process is not None:
                status = await process.wait()
                log.warning("index_process_ended", status=status, pid=process.pid)
                await self._end()
                failures = 0 if loop.time() - started > _STEADY_AFTER_S else failures
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1
            self.restarts += 1
            try:
                await self._launch()
            except (Conflict, StorageFull, VectorStoreDown, TimeoutError, OSError) as error:
                log.error("index_process_not_restarted", reason=str(error))


def _last_line(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read()[-65536:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
