"""The indexer's loop: follow the log to its end, keep house while idle, wait for more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeVar

import structlog

from lumina_core.drivers.vector_store import VectorStore
from lumina_core.errors import Conflict, InvalidInput, NotFound
from lumina_core.graph.log import CorruptLine
from lumina_core.indexing.cursor import Cursor, Phase, Space, load_cursor, save_cursor
from lumina_core.indexing.encode import Encoder
from lumina_core.indexing.history import CatalogueHistory
from lumina_core.indexing.housekeeping import Housekeeper
from lumina_core.indexing.orders import Orders, Stopped, patiently
from lumina_core.indexing.pipeline import Slots, in_order
from lumina_core.indexing.plan import Piece, Removal, plan
from lumina_core.indexing.progress import IndexerState, Problem, RebuildProgress, WorkerSettings
from lumina_core.indexing.ranks import RankBook
from lumina_core.indexing.report import Reporter
from lumina_core.indexing.write import CHUNKS, Encoded, drop_collections, ensure_collections, write
from lumina_core.text.chunking import chunk_article

__all__ = ["Worker"]

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Worker:
    """Keeps the collections in step with the log. `run` returns when told to stop; dying anywhere is fine too."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        space: Space,
        store: VectorStore,
        encoder: Encoder,
        history: CatalogueHistory,
        book: RankBook,
        orders: Orders,
        slots: Slots,
        reporter: Reporter,
    ) -> None:
        self._settings = settings
        self._space = space
        self._store = store
        self._encoder = encoder
        self._history = history
        self._book = book
        self._orders = orders
        self._reporter = reporter
        self._housekeeper = Housekeeper(
            store, history.catalogue, book, orders, reporter, optimise_at=settings.optimise_at
        )
        self._slots = slots
        self._cutting = ThreadPoolExecutor(1, thread_name_prefix="cut")
        self._embedding = ThreadPoolExecutor(slots.size, thread_name_prefix="embed")
        self._cursor = Cursor(space, Phase.DROPPING, rebuild=0)
        self._corrupt: list[Problem] = []

    async def run(self) -> None:
        try:
            await self._patiently(self._begin)
            while not self._orders.is_stopping:
                if self._orders.reindex is not None:
                    await self._patiently(self._rebuild)
                if self._orders.is_paused:
                    self._reporter.update(IndexerState.PAUSED)
                    await self._orders.wait(self._settings.poll_s)
                elif not await self._patiently(self._follow):
                    await self._rest()
        except Stopped:
            _log.info("indexer_stopped_while_blocked")
        finally:
            await self._housekeeper.close()
        self._reporter.update(IndexerState.STOPPED, now=True)

    async def _begin(self) -> None:
        """Read the cursor and decide whether the collections can be gone on with."""
        reason = None
        try:
            saved = load_cursor(self._settings.cursor)
        except InvalidInput as error:
            _log.warning("index_cursor_unreadable", error=error.message)
            saved, reason = None, "the note of how far the index was is unreadable"
        if saved is None:
            reason = reason or "first index"
        else:
            self._cursor = saved
            reason = await self._misfit(saved)
        self._orders.reindex = self._orders.reindex or reason
        self._tell()

    async def _misfit(self, saved: Cursor) -> str | None:
        """Why the collections cannot be gone on with, if they cannot."""
        if saved.phase is Phase.DROPPING:
            return saved.reason
        if differences := saved.space.differences(self._space):
            return f"the index was made with {'; '.join(differences)}"
        try:
            await ensure_collections(self._store, dim=self._space.dim)
        except Conflict as error:
            return error.message
        if saved.chunks > 0 and await self._store.count(CHUNKS) == 0:
            return "the vector store lost the index"
        return None

    async def _rebuild(self) -> None:
        """Drop the collections and go to the start of the log. Whatever stops this, the next start goes on with it."""
        reason = self._orders.reindex or "asked for"
        _log.info("index_rebuild", reason=reason)
        if self._cursor.phase is not Phase.DROPPING or self._cursor.rebuild == 0:
            number = self._cursor.rebuild + 1
            self._keep(Cursor(self._space, Phase.DROPPING, rebuild=number, reason=reason))
        await drop_collections(self._store)
        await ensure_collections(self._store, dim=self._space.dim)
        self._book.begin_rebuild()
        self._keep(replace(self._cursor, space=self._space, phase=Phase.REBUILDING))
        self._orders.reindex = None
        self._tell(IndexerState.INDEXING)

    async def _follow(self) -> bool:
        """Index from the cursor to the log's present end. Returns whether there was anything to do."""
        did_work = False
        entries = self._history.entries(self._cursor.position, on_corrupt=self._note_corrupt)
        batches = plan(entries, history=self._history, chunk=chunk_article, batch_chunks=self._settings.batch_chunks)
        encoding = in_order(
            batches, self._encoder.encode, slots=self._slots, cutting=self._cutting, working=self._embedding
        )
        async with aclosing(encoding) as results:
            async for encoded in results:
                did_work = True
                try:
                    await self._patiently(partial(self._write, encoded))
                except NotFound:  # somebody removed a collection under our feet
                    self._orders.reindex = "the vector store lost the index"
                if self._orders.interrupts:
                    break
        return did_work

    async def _rest(self) -> None:
        """At the log's end: say so, keep house, wait for more."""
        if self._cursor.phase is Phase.REBUILDING:
            await self._patiently(self._finish_rebuild)
        self._tell(IndexerState.IDLE)
        await self._patiently(self._housekeeper.tidy)
        self._reporter.update(now=True, activity="", title="")
        await self._orders.wait(self._settings.poll_s)

    async def _finish_rebuild(self) -> None:
        self._keep(replace(self._cursor, phase=Phase.FOLLOWING))

    async def _write(self, encoded: Encoded) -> None:
        await write(self._store, encoded)
        finished = [item for item in encoded.batch.work if isinstance(item, Piece) and item.is_last]
        removed = sum(isinstance(item, Removal) for item in encoded.batch.work)
        self._keep(
            replace(
                self._cursor,
                position=encoded.batch.position or self._cursor.position,
                articles=self._cursor.articles + len(finished),
                chunks=self._cursor.chunks + len(encoded.chunks),
                removed=self._cursor.removed + removed,
            )
        )
        corrupt, self._corrupt = self._corrupt, []
        self._reporter.problems((*corrupt, *encoded.problems))
        self._tell(IndexerState.INDEXING, title=finished[-1].article.title if finished else None)
        await self._housekeeper.wrote(len(encoded.chunks))

    def _keep(self, cursor: Cursor) -> None:
        """Note how far the collections are: in the file first, so that what fails there is done again."""
        save_cursor(self._settings.cursor, cursor)
        self._cursor = cursor

    def _tell(self, state: IndexerState | None = None, *, title: str | None = None) -> None:
        cursor = self._cursor
        rate, eta_s = self._reporter.rates(chunks=cursor.chunks, bytes_left=self._history.bytes_left(cursor.position))
        rebuilding = None
        if cursor.phase is not Phase.FOLLOWING:
            total = max(self._history.counts().articles, cursor.articles)
            rebuilding = RebuildProgress(cursor.reason, cursor.articles, total, eta_s)
        self._reporter.update(
            state,
            position=cursor.position,
            rebuild=cursor.rebuild,
            articles=cursor.articles,
            chunks=cursor.chunks,
            removed=cursor.removed,
            chunks_per_s=round(rate, 1) if state is IndexerState.INDEXING else 0.0,
            rebuilding=rebuilding,
            title=self._reporter.progress.title if title is None else title,
        )

    def _note_corrupt(self, line: CorruptLine) -> None:
        _log.error("log_line_unreadable", error=line.message)
        self._corrupt.append(Problem(f"{line.path.name}, byte {line.offset}", line.reason))

    async def _patiently(self, action: Callable[[], Awaitable[T]]) -> T:
        return await patiently(action, orders=self._orders, reporter=self._reporter)
