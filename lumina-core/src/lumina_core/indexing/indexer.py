"""The hub's side of the indexer: starting it, starting it again, and knowing how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import structlog

from lumina_core.documents import ArticleId
from lumina_core.errors import CoreError, DependencyDown, InvalidInput
from lumina_core.graph.log import LogPosition
from lumina_core.indexing.cursor import Phase, load_cursor
from lumina_core.indexing.progress import (
    Command,
    CommandName,
    IndexerState,
    IndexProgress,
    RebuildProgress,
    WorkerSettings,
    decode_line,
    encode_line,
)
from lumina_core.indexing.ranks import RankBook
from lumina_core.indexing.request import ReindexRequest, load_request, remove_request, save_request

__all__ = ["Indexer"]

_log = structlog.get_logger(__name__)

_BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_AFTER_S = 60.0
_GIVE_UP_WAITING_AFTER = 5
_STOP_PATIENCE_S = 10.0
_QUIET_AFTER_S = 3.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_LINE_BYTES = 1024 * 1024
_DEAF = frozenset({IndexerState.STARTING, IndexerState.CRASHED, IndexerState.STOPPED})
_LAST_WORDS_BYTES = 16 * 1024


class Indexer:
    """Owns the indexer process of one home. For one event loop; make one with `start`."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        log_file: Path | None,
        on_reindex: Sequence[Callable[[], Awaitable[None]]],
        command: Sequence[str] | None,
    ) -> None:
        """Use `start`."""
        self._settings = settings
        self._on_reindex = tuple(on_reindex)
        self._command = tuple(command or (sys.executable, "-P", "-m", "lumina_core.indexing"))
        self._request_path = settings.cursor.with_name("reindex.json")
        self._process: asyncio.subprocess.Process | None = None
        self._progress = IndexProgress()
        self._changed = asyncio.Condition()
        self._running: asyncio.Task[None] | None = None
        self._reindexing: asyncio.Task[None] | None = None
        self._reindex_error: str | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._searched_at = 0.0
        self._restarts = 0
        self._deaths_in_a_row = 0
        self._is_paused = False
        self._log_file = log_file or settings.cursor.with_name("indexer.log")
        self._said_before = 0

    @classmethod
    async def start(
        cls,
        settings: WorkerSettings,
        *,
        log_file: Path | None = None,
        on_reindex: Sequence[Callable[[], Awaitable[None]]] = (),
        command: Sequence[str] | None = None,
    ) -> Self:
        """Start the process and return at once; `progress` says how it fares. A reindex that was cut off goes on.

        Args:
            settings: What the process is told. The catalogue must be there.
            log_file: Where it logs; `indexer.log` beside the cursor unless given.
            on_reindex: Rebuild what else is derived from the log and not kept by the indexer. Run, in order, by every
                `reindex`, and again after a crash in the midst of it: each must bear being run twice.
            command: What to run instead of the indexer; for tests that put faults in.
        """
        settings.cursor.parent.mkdir(parents=True, exist_ok=True)
        indexer = cls(settings, log_file=log_file, on_reindex=on_reindex, command=command)
        indexer._progress = await asyncio.to_thread(_progress_so_far, settings.cursor)
        indexer._running = asyncio.create_task(indexer._supervise())
        request = load_request(indexer._request_path)
        if request is not None:
            indexer._reindexing = asyncio.create_task(indexer._carry_out(request))
        return indexer

    @property
    def progress(self) -> IndexProgress:
        return self._progress

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def reindex_error(self) -> str | None:
        """Why the last rebuild could not be finished; None while it goes on and once it is done."""
        return self._reindex_error

    async def wait_until(self, position: LogPosition | None) -> IndexProgress:
        """Wait until everything in `articles/articles` before a position can be searched.

        Raises:
            DependencyDown: the indexer was stopped, or keeps dying before it gets there.
        """
        self.poke()
        return await self.wait_for(lambda progress: position is None or _reached(progress, position))

    async def wait_for(self, condition: Callable[[IndexProgress], bool]) -> IndexProgress:
        """Wait until the progress fulfils a condition, and return it.

        Raises:
            DependencyDown: the indexer was stopped, or keeps dying.
        """
        async with self._changed:
            while not condition(self._progress):
                if self._progress.state is IndexerState.STOPPED:
                    raise DependencyDown("the indexer was stopped", hint="Start Lumina again.")
                if self._deaths_in_a_row >= _GIVE_UP_WAITING_AFTER:
                    raise DependencyDown(
                        f"the indexer died {self._deaths_in_a_row} times in a row: {self._progress.error}",
                        hint="It is tried again every half minute; `lumina status` shows when it works.",
                    )
                await self._changed.wait()
            return self._progress

    async def next_progress(self, after: IndexProgress) -> IndexProgress:
        """Wait for the first progress other than that one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._progress != after)
            return self._progress

    def poke(self) -> None:
        """Say that the log has grown. Without it, new lines are found within `poll_s`."""
        self._order(CommandName.POKE)

    def note_search(self) -> None:
        """Say that a search is being answered: for the next seconds the indexer keeps to half the cores. Cheap."""
        self._searched_at = time.monotonic()
        if self._quiet is None:
            self._order(CommandName.BUSY)
            self._quiet = asyncio.get_running_loop().call_later(_QUIET_AFTER_S, self._be_quiet)

    def pause(self) -> None:
        """Index nothing more, from the next whole batch on, until `resume`; across restarts of the process too."""
        self._is_paused = True
        self._order(CommandName.PAUSE)

    def resume(self) -> None:
        self._is_paused = False
        self._order(CommandName.RESUME)

    async def reindex(self, reason: str = "asked for") -> None:
        """Drop what is derived from the log and build it anew. Once this returns it will happen, crashes or not.

        Asking while one is under way begins it again. `progress.rebuilding` shows how far it is.
        """
        if self._reindexing is not None:
            self._reindexing.cancel()
            await asyncio.gather(self._reindexing, return_exceptions=True)
        self._reindex_error = None
        request = ReindexRequest(after_rebuild=self._progress.rebuild, reason=reason)
        await asyncio.to_thread(save_request, self._request_path, request)
        self._reindexing = asyncio.create_task(self._carry_out(request))

    def page_ranks(self) -> dict[ArticleId, float]:
        """The ranks as last computed. Reads a file: call it in a thread."""
        return RankBook.read(self._settings.cursor.with_name("ranks.sqlite"))

    async def stop(self) -> None:
        """End the process after its present batch, or after ten seconds in any case. Calling it twice is fine."""
        if self._quiet is not None:
            self._quiet.cancel()
        self._order(CommandName.STOP)
        for task in (self._reindexing, self._running):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._end()
        await self._say(replace(self._progress, state=IndexerState.STOPPED, chunks_per_s=0.0))

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_BACKOFF_S[min(self._deaths_in_a_row, len(_BACKOFF_S) - 1)])
            began = time.monotonic()
            rebuild, position = self._progress.rebuild, self._progress.position
            status = await self._run_once()
            is_sound = (self._progress.rebuild, self._progress.position) != (rebuild, position)
            if is_sound or time.monotonic() - began >= _STEADY_AFTER_S:
                self._deaths_in_a_row = 0
            self._deaths_in_a_row += 1
            self._restarts += 1
            error = self._why(status)
            _log.warning("indexer_died", status=status, error=error, deaths_in_a_row=self._deaths_in_a_row)
            await self._say(
                replace(
                    self._progress,
                    state=IndexerState.CRASHED,
                    chunks_per_s=0.0,
                    error=error,
                    hint="It is started again by itself; nothing is lost.",
                )
            )

    async def _run_once(self) -> int:
        """Run the process until it ends, passing on what it says. Returns its exit status."""
        with self._log_file.open("ab") as log_file:
            self._said_before = log_file.tell()
            process = await asyncio.create_subprocess_exec(
                *self._command,
                str(self._settings.cursor),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
                env=_environment(),
                limit=_LINE_BYTES,
            )
        self._process = process
        assert process.stdin is not None  # noqa: S101 — asked for above
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(encode_line(self._settings))
        if self._is_paused:
            self._order(CommandName.PAUSE)
        if self._quiet is not None:
            self._order(CommandName.BUSY)
        async for line in process.stdout:
            try:
                progress = decode_line(line, IndexProgress)
            except InvalidInput as error:
                _log.warning("indexer_line_not_understood", error=error.message)
            else:
                await self._say(progress)
        return await process.wait()

    async def _say(self, progress: IndexProgress) -> None:
        if progress.rebuild == 0:  # it has not read its cursor yet: what was known before still holds
            progress = replace(self._progress, state=progress.state, error=progress.error, hint=progress.hint)
        async with self._changed:
            self._progress = replace(progress, restarts=self._restarts)
            self._changed.notify_all()

    async def _carry_out(self, request: ReindexRequest) -> None:
        """Have the process begin a rebuild, unless it did so before a crash, and rebuild what is not its own."""
        while self._progress.rebuild <= request.after_rebuild:
            before = self._progress
            if before.rebuild and before.state not in _DEAF:
                self._order(CommandName.REINDEX, request.reason)
            await self.next_progress(before)
        for rebuild in self._on_reindex:
            try:
                await rebuild()
            except Exception as error:  # whoever waits must hear of it; the request stays for the next start
                _log.exception("reindex_incomplete")
                self._reindex_error = error.message if isinstance(error, CoreError) else repr(error)
                return
        await asyncio.to_thread(remove_request, self._request_path)

    def _order(self, name: CommandName, reason: str = "") -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing() or process.returncode is not None:
            return
        process.stdin.write(encode_line(Command(name, reason)))

    def _be_quiet(self) -> None:
        left_s = self._searched_at + _QUIET_AFTER_S - time.monotonic()
        if left_s > 0:
            self._quiet = asyncio.get_running_loop().call_later(left_s, self._be_quiet)
            return
        self._quiet = None
        self._order(CommandName.QUIET)

    def _why(self, status: int) -> str:
        """What the process said last, or how it ended."""
        if status < 0:
            return f"it was killed by {signal.Signals(-status).name}"
        if self._progress.error is not None:
            return self._progress.error
        with self._log_file.open("rb") as file:
            file.seek(max(self._said_before, self._log_file.stat().st_size - _LAST_WORDS_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
        words = [line for line in lines if line.strip()]
        return words[-1] if words else f"it ended with status {status}"

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.write(encode_line(Command(CommandName.STOP)))
        try:
            async with asyncio.timeout(_STOP_PATIENCE_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _progress_so_far(cursor_path: Path) -> IndexProgress:
    """What the cursor says, until the process says more."""
    try:
        cursor = load_cursor(cursor_path)
    except InvalidInput:  # the process will see it, too, and build the index anew
        cursor = None
    if cursor is None:
        return IndexProgress(rebuilding=RebuildProgress("first index", 0, 0))
    rebuilding = None
    if cursor.phase is not Phase.FOLLOWING:
        rebuilding = RebuildProgress(cursor.reason, cursor.articles, cursor.articles)
    return IndexProgress(
        position=cursor.position,
        rebuild=cursor.rebuild,
        articles=cursor.articles,
        chunks=cursor.chunks,
        removed=cursor.removed,
        rebuilding=rebuilding,
    )


def _reached(progress: IndexProgress, position: LogPosition) -> bool:
    return progress.position is not None and progress.position >= position


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
