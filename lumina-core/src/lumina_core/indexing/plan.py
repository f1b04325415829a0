"""From lines of the log to batches of work: what was superseded is dropped, what is left is cut into chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

import structlog

from lumina_core.documents import Article, ArticleId, Chunk
from lumina_core.graph.log import Entry, LogPosition
from lumina_core.graph.records import EventKind, decode_article
from lumina_core.indexing.progress import Problem

__all__ = ["Batch", "History", "Piece", "Place", "Removal", "plan"]

_log = structlog.get_logger(__name__)

WINDOW_ENTRIES = 64
"""Lines looked at together, so that of several revisions of an article in a row only the last is embedded."""


class Place(NamedTuple):
    """Where a line stands among those that tell of the same article, so far."""

    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of an article's chunks, in order. `is_last` marks the piece after which the article is complete, with
    `total` chunks; `is_first_revision` says that the store cannot hold chunks of it beyond those."""

    article: Article
    chunks: tuple[Chunk, ...]
    total: int
    is_last: bool
    is_first_revision: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """An article that was deleted."""

    article_id: ArticleId


@dataclass(frozen=True, slots=True)
class Batch:
    """Work that is embedded and written together, no article twice. Once it is in the store, so is everything before
    `position`; None while that is the first line."""

    work: tuple[Piece | Removal, ...]
    position: LogPosition | None
    problems: tuple[Problem, ...] = ()

    @property
    def chunks(self) -> int:
        return sum(len(item.chunks) for item in self.work if isinstance(item, Piece))


class History(Protocol):
    """What the catalogue knows of an article's life, up to a line that it already holds."""

    def place(self, article_id: ArticleId, line_end: LogPosition) -> Place:
        """Where the line stands that ends there; neither first nor last if the catalogue passed it over."""


def plan(
    entries: Iterable[Entry],
    *,
    history: History,
    chunk: Callable[[Article], Sequence[Chunk]],
    batch_chunks: int,
) -> Iterator[Batch]:
    """Turn lines of `articles/articles` into batches of at most `batch_chunks` chunks, in the order of the log.

    Leaving out a superseded line is safe whatever happens next: the line that supersedes it lies further on, so it is
    read again if the work stops in between. An article that cannot be decoded or chunked becomes a problem of its
    batch.
    """
    entries = iter(entries)
    while window := list(islice(entries, WINDOW_ENTRIES)):
        told_of = [_article_of(entry.record) for entry in window]
        latest = dict(zip(told_of, window, strict=True))  # a later line takes the place of an earlier one
        draft = _Draft(batch_chunks)
        for name, entry in zip(told_of, window, strict=True):
            if name is not None and latest[name] is entry:
                yield from draft.add(name, entry, history, chunk)
            draft.position = entry.position
        yield draft.close()


def _article_of(record: Mapping[str, Any]) -> ArticleId | None:
    """Which article a line tells of; None for a redirect. An article whose title it takes has a deletion of its own."""
    if record.get("event") not in (EventKind.ARTICLE, EventKind.DELETE):
        return None
    name = record.get("id")
    return ArticleId(name) if isinstance(name, str) else None


class _Draft:
    """The batch being filled. `position` is the end of the last line that is wholly in it or in the ones before."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._work: list[Piece | Removal] = []
        self._problems: list[Problem] = []
        self._chunks = 0
        self.position: LogPosition | None = None

    def add(
        self, name: ArticleId, entry: Entry, history: History, chunk: Callable[[Article], Sequence[Chunk]]
    ) -> Iterator[Batch]:
        place = history.place(name, entry.position)
        if not place.is_last:
            return
        if entry.record["event"] == EventKind.DELETE:
            self._work.append(Removal(name))
            return
        try:
            article = decode_article(entry.record)
            chunks = chunk(article)
        except Exception as error:  # one article must not stop all that come after it
            _log.exception("article_not_chunked", article=name)
            self._problems.append(Problem(str(entry.record.get("title")), f"{type(error).__name__}: {error}"))
            return
        yield from self._cut(article, chunks, place.is_first)

    def _cut(self, article: Article, chunks: Sequence[Chunk], is_first_revision: bool) -> Iterator[Batch]:
        start = 0
        while True:
            taken = tuple(chunks[start : start + self._limit - self._chunks])
            start += len(taken)
            is_last = start >= len(chunks)
            self._work.append(Piece(article, taken, len(chunks), is_last, is_first_revision))
            self._chunks += len(taken)
            if self._chunks >= self._limit:
                yield self.close()
            if is_last:
                return

    def close(self) -> Batch:
        batch = Batch(tuple(self._work), self.position, tuple(self._problems))
        self._work, self._problems, self._chunks = [], [], 0
        return batch
