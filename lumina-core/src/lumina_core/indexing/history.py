"""What the indexer asks of the catalogue, which its owner writes in another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile

from lumina_core.documents import ArticleId
from lumina_core.errors import NotFound
from lumina_core.graph.catalogue import Catalogue, Counts
from lumina_core.graph.log import ARTICLES, CorruptLine, Entry, LogPosition, bytes_after, read_log
from lumina_core.indexing.plan import Place

__all__ = ["CatalogueHistory"]


class CatalogueHistory:
    """Reads the log only as far as the catalogue holds it, so that what it says of a line is never out of date."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue

    def place(self, article_id: ArticleId, line_end: LogPosition) -> Place:
        try:
            ends = [LogPosition(row.day, row.end) for row in self._catalogue.revisions(article_id)]
        except NotFound:
            return Place(is_first=False, is_last=False)
        return Place(is_first=line_end == ends[0], is_last=line_end == ends[-1])

    def entries(self, after: LogPosition | None, *, on_corrupt: Callable[[CorruptLine], None]) -> Iterator[Entry]:
        """The log's lines behind a position, up to where the catalogue is."""
        end = self._catalogue.position(ARTICLES)
        if end is None or (after is not None and end <= after):
            return iter(())
        entries = read_log(self._catalogue.log_root, ARTICLES, after, on_corrupt=on_corrupt)
        return takewhile(lambda entry: entry.position <= end, entries)

    def bytes_left(self, after: LogPosition | None) -> int:
        """How much of the log lies behind a position."""
        return bytes_after(self._catalogue.log_root, ARTICLES, after)

    def counts(self) -> Counts:
        return self._catalogue.counts()
