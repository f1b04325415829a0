"""The knowledge graph: adding to it, looking back, and going back."""

from __future__ import annotations

import difflib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

import structlog

from lumina_core.documents import Article, ArticleId, Redirect
from lumina_core.errors import Conflict, InvalidInput, NotFound
from lumina_core.graph.batch import Batch
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.export import export_node_link
from lumina_core.graph.history import Change, ChangeKind, changes_between, target_event
from lumina_core.graph.layout import ARTICLES, LINKS, RECOVERY, LogPosition
from lumina_core.graph.log import GraphLog
from lumina_core.graph.records import (
    PAGE_LINK,
    Deletion,
    Event,
    LinkSet,
    RecoveryPoint,
    encode_event,
    encode_recovery_point,
)

__all__ = ["AddResult", "KnowledgeGraph", "RestoreResult"]

_POINT_NAME = re.compile(r"\w[\w .:+-]{0,99}")
_AUTOMATIC = ("auto-", "before-restore-")
_RESTORE_BATCH = 200
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of a batch. `position` is how far an index must have read to hold it."""

    added: int
    changed: int
    redirects: int
    unchanged: int
    position: LogPosition | None


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What was appended to go back, and the recovery point that leads forward again."""

    restored: int
    removed: int
    undo: str | None
    position: LogPosition | None


class KnowledgeGraph:
    """The log and its catalogue as one. Thread-safe; changes are made one at a time, and each is on the disk and can
    be looked up when its method returns."""

    def __init__(self, log: GraphLog, catalogue: Catalogue, *, clock: Callable[[], float] = time.time) -> None:
        self._log = log
        self._catalogue = catalogue
        self._clock = clock
        self._changing = threading.RLock()
        self._behind = False

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue

    @property
    def position(self) -> LogPosition | None:
        """How far the articles' stream goes."""
        return self._catalogue.position(ARTICLES)

    def add(self, items: Iterable[Article | Redirect]) -> AddResult:
        """Add articles and redirects, all or none, in one commit.

        An article stays as it is where the graph holds that revision already, a later numbered one, or the same text
        under the same title, and where that revision was deliberately replaced by an older one (`restore`). A redirect
        takes the place of the article of its title, and the other way round.
        """
        with self._changing:
            self._catch_up()
            batch = Batch(self._catalogue)
            for item in items:
                if isinstance(item, Article):
                    batch.article(item)
                else:
                    batch.redirect(item)
            position = self._append(ARTICLES, batch.events)
            return AddResult(batch.added, batch.changed, batch.redirects, batch.unchanged, position)

    def delete(self, article_id: str) -> LogPosition | None:
        """Take an article out of the graph. Its revisions stay in the log. Raises `NotFound` where there is none."""
        with self._changing:
            self._catch_up()
            row = self._catalogue.get(article_id)
            if row is None:
                raise NotFound(f"there is no article {article_id!r}")
            return self._append(ARTICLES, [Deletion(row.title, row.source, row.id)])

    def relate(self, links: Iterable[LinkSet]) -> LogPosition | None:
        """Replace sets of links. Raises `InvalidInput` for page links: they come with their article."""
        sets = list(links)
        if any(links.relation == PAGE_LINK for links in sets):
            raise InvalidInput("page links belong to their article's text", hint="Add the article with other links.")
        if unfit := [links.relation for links in sets if not re.fullmatch(r"[a-z][a-z0-9_]*", links.relation)]:
            raise InvalidInput(f"{unfit[0]!r} is no name of a relation", hint="Use lower case and underscores.")
        with self._changing:
            self._catch_up()
            return self._append(LINKS, sets)

    def diff(self, article_id: str, before: str, after: str | None = None) -> str:
        """How an article's text went from one revision to another (None: the present), as a unified diff of its
        paragraphs; empty where nothing changed. Raises `NotFound`."""
        one = self._catalogue.read_article(article_id, before)
        other = self._catalogue.read_article(article_id, after)
        lines = difflib.unified_diff(
            one.text.split("\n"),
            other.text.split("\n"),
            f"{one.title} (revision {one.revision})",
            f"{other.title} (revision {other.revision})",
            lineterm="",
        )
        return "\n".join(lines)

    def changes(self, before: str, after: str | None = None) -> Iterator[Change]:
        """What was added, changed and removed from one recovery point to another (None: the present)."""
        return changes_between(self._catalogue, self.recovery_point(before).positions, self._state(after))

    def restore_article(self, article_id: str, revision: str) -> RestoreResult:
        """Bring an article back to one of its revisions, deleted or not, by appending that state again."""
        with self._changing:
            self._catch_up()
            article = self._catalogue.read_article(article_id, revision)
            row = self._catalogue.get(article_id)
            if row is not None and (row.revision, row.fingerprint) == (article.revision, article.fingerprint):
                return RestoreResult(0, 0, None, self.position)
            position = self._append(ARTICLES, [article], self._replaced([article]))
            return RestoreResult(1, 0, None, position)

    def restore(self, point: str) -> RestoreResult:
        """Bring every article, redirect and link back to a recovery point by appending what that takes.

        A recovery point of the state before is made first. Interrupted, it can simply be called again.
        """
        with self._changing:
            self._catch_up()
            target = self.recovery_point(point).positions
            present = self._positions()
            if next(changes_between(self._catalogue, present, target), None) is None:
                return RestoreResult(0, 0, None, self.position)
            undo = self._record_point(self._automatic_name("before-restore-"), automatic=True)
            restored = removed = 0
            for removing in (True, False):  # a title must be free before a redirect or an article takes it
                batch: list[Change] = []
                for change in changes_between(self._catalogue, present, target):
                    if (change.kind is ChangeKind.REMOVED) is removing:
                        batch.append(change)
                        removed += removing
                        restored += not removing
                    if len(batch) >= _RESTORE_BATCH:
                        self._append_changes(batch)
                        batch = []
                self._append_changes(batch)
            return RestoreResult(restored, removed, undo.name, self.position)

    def recovery_points(self) -> list[RecoveryPoint]:
        """Every recovery point, oldest first."""
        return self._catalogue.recovery_points()

    def recovery_point(self, name: str) -> RecoveryPoint:
        """Raises `NotFound`."""
        point = self._catalogue.recovery_point(name)
        if point is None:
            raise NotFound(f"there is no recovery point {name!r}", hint="List the recovery points first.")
        return point

    def add_recovery_point(self, name: str) -> RecoveryPoint:
        """Name the present state, so that it can be compared with and gone back to.

        Raises:
            InvalidInput: The name is empty, over 100 characters, or holds other than letters, digits and ` .:+-_`.
            Conflict: The name is taken.
        """
        if not _POINT_NAME.fullmatch(name) or name != name.strip():
            raise InvalidInput(
                f"{name!r} cannot name a recovery point",
                hint="Use up to 100 letters, digits, spaces and .:+-_, beginning with a letter or digit.",
            )
        if name.startswith(_AUTOMATIC):
            raise InvalidInput(f"{name!r} looks like an automatic name", hint=f"Names in {_AUTOMATIC[0]} are ours.")
        with self._changing:
            self._catch_up()
            return self._record_point(name, automatic=False)

    def autosave(self) -> RecoveryPoint | None:
        """Make a recovery point of a name of our own; None, and nothing is done, where the newest one still fits."""
        with self._changing:
            self._catch_up()
            newest = self._catalogue.newest_recovery_point()
            positions = self._positions()
            if not positions or (newest is not None and dict(newest.positions) == positions):
                return None
            return self._record_point(self._automatic_name("auto-"), automatic=True)

    def export(self, writer: Callable[[bytes], object], *, include_missing: bool = False) -> None:
        """Write the graph as node-link JSON, piece by piece."""
        for piece in export_node_link(self._catalogue, include_missing=include_missing):
            writer(piece)

    def _state(self, point: str | None) -> Mapping[str, LogPosition]:
        return self._positions() if point is None else self.recovery_point(point).positions

    def _positions(self) -> dict[str, LogPosition]:
        positions = {stream: self._catalogue.position(stream) for stream in (ARTICLES, LINKS)}
        return {stream: position for stream, position in positions.items() if position is not None}

    def _record_point(self, name: str, *, automatic: bool) -> RecoveryPoint:
        if self._catalogue.recovery_point(name) is not None:
            raise Conflict(f"there is a recovery point {name!r} already", hint="Choose another name.")
        point = RecoveryPoint(name, self._clock(), self._positions(), automatic)
        self._append_records(RECOVERY, [encode_recovery_point(point)])
        return point

    def _automatic_name(self, prefix: str) -> str:
        stamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        names = (f"{prefix}{stamp}{suffix}" for suffix in chain([""], (f"-{number}" for number in count(2))))
        return next(name for name in names if self._catalogue.recovery_point(name) is None)

    def _append_changes(self, changes: list[Change]) -> None:
        events = [target_event(self._catalogue, change) for change in changes]
        articles = [event for event in events if not isinstance(event, LinkSet)]
        self._append(ARTICLES, articles, self._replaced(articles))
        self._append(LINKS, [event for event in events if isinstance(event, LinkSet)])

    def _replaced(self, events: Iterable[Event]) -> dict[ArticleId, str]:
        """Which revision each article gives up for an older one, so that its source does not bring it right back."""
        rows = {event.id: self._catalogue.get(event.id) for event in events if isinstance(event, Article)}
        return {article_id: row.revision for article_id, row in rows.items() if row is not None}

    def _append(
        self, stream: str, events: Iterable[Event], replaced: Mapping[ArticleId, str] | None = None
    ) -> LogPosition | None:
        at = self._clock()
        records = [encode_event(event, at=at) for event in events]
        for record in records:
            if replaced and record.get("id") in replaced:
                record["replaced"] = replaced[record["id"]]
        if records:
            self._append_records(stream, records)
        return self._catalogue.position(stream)

    def _append_records(self, stream: str, records: list[dict[str, Any]]) -> None:
        self._log.append(stream, records).result()
        self._behind = True
        self._catalogue.catch_up((stream,))
        self._behind = False

    def _catch_up(self) -> None:
        """After a failure between log and catalogue; otherwise they agree."""
        if self._behind:
            self._catalogue.catch_up()
            self._behind = False
