"""What the indexer does when the log's end is reached: fresh page ranks, and search made fast again."""

from __future__ import annotations

import asyncio

import structlog

from lumina_core.documents import ArticleId
from lumina_core.drivers.vector_store import VectorStore
from lumina_core.errors import CoreError
from lumina_core.graph.catalogue import Catalogue
from lumina_core.indexing.orders import Orders
from lumina_core.indexing.ranks import RankBook, is_due
from lumina_core.indexing.report import Reporter
from lumina_core.indexing.write import CHUNKS, write_ranks

__all__ = ["Housekeeper"]

_log = structlog.get_logger(__name__)

BULK_CHUNKS = 5_000
"""After so many chunks the collection is optimised at the next rest, however few of them wait."""

LOOK_EVERY_CHUNKS = 2_000
"""How often a bulk ingest asks the store what waits to be optimised."""

RANKED_ARTICLES = 64


class Housekeeper:
    """Nothing heavy begins while searches are being answered, and every order ends what can be left off."""

    def __init__(
        self,
        store: VectorStore,
        catalogue: Catalogue,
        book: RankBook,
        orders: Orders,
        reporter: Reporter,
        *,
        optimise_at: int,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._book = book
        self._orders = orders
        self._reporter = reporter
        self._optimise_at = optimise_at
        self._optimising: asyncio.Task[None] | None = None
        self._since_look = 0
        self._since_optimise = 0

    async def wrote(self, chunks: int) -> None:
        """Note that chunks were written; now and then, look whether too many of them wait to be optimised."""
        self._since_look += chunks
        self._since_optimise += chunks
        if self._since_look >= LOOK_EVERY_CHUNKS:
            await self._look()
            if self._reporter.progress.unindexed > self._optimise_at:
                self._begin_optimising()

    async def tidy(self) -> None:
        """Do what is due; an order that comes meanwhile ends it early.

        Raises:
            VectorStoreDown, StorageFull: what was not done stays due.
        """
        if self._since_look or self._reporter.progress.unindexed > self._optimise_at:
            await self._look()
        waiting = self._reporter.progress.unindexed
        if waiting > self._optimise_at or (waiting and self._since_optimise >= BULK_CHUNKS):
            self._begin_optimising()
        counts = self._catalogue.counts()
        if not self._orders.is_busy and is_due(counts, ranked_changes=self._book.ranked_changes):
            self._reporter.update(activity="computing page ranks", now=True)
            ranks = await asyncio.to_thread(_compute_ranks, self._catalogue)
            self._book.replace(ranks, changes=counts.changes)
            _log.info("page_ranks_computed", articles=len(ranks), links=counts.links)
        while not self._orders.is_woken and (pending := self._book.pending(RANKED_ARTICLES)):
            self._reporter.update(activity="writing page ranks")
            await write_ranks(self._store, pending)
            self._book.mark_written(pending)
        self._reporter.update(ranked_changes=self._book.ranked_changes)

    async def close(self) -> None:
        """Leave off. An optimise that runs in the store is abandoned with the connection."""
        if self._optimising is not None:
            self._optimising.cancel()
            await asyncio.gather(self._optimising, return_exceptions=True)

    async def _look(self) -> None:
        self._since_look = 0
        info = await self._store.info(CHUNKS)
        self._reporter.update(unindexed=info.points - info.indexed)

    def _begin_optimising(self) -> None:
        if not self._orders.is_busy and (self._optimising is None or self._optimising.done()):
            self._since_optimise = 0
            self._optimising = asyncio.create_task(self._optimise())

    async def _optimise(self) -> None:
        try:
            await self._store.optimise(CHUNKS)
            await self._look()
        except CoreError as error:  # search is slower meanwhile, and right; it is tried again after more chunks
            _log.warning("optimise_failed", error=error.message)


def _compute_ranks(catalogue: Catalogue) -> dict[ArticleId, float]:
    from lumina_core.graph.pagerank import compute_pagerank  # igraph takes a second to import: not at every start

    return compute_pagerank(catalogue)
