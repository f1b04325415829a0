"""The catalogue: what the log says, looked up by id, title, revision and link. Derived; its file can be deleted."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog

from lumina_core.documents import ArticleId
from lumina_core.errors import Conflict, CoreError, InvalidInput
from lumina_core.graph.catalogue_events import EventWriter
from lumina_core.graph.catalogue_reader import CatalogueReader, translated
from lumina_core.graph.catalogue_rows import ArticleRow, Counts, Link, Problem, RevisionRow
from lumina_core.graph.catalogue_schema import open_database, set_aside
from lumina_core.graph.layout import ARTICLES, LINKS, RECOVERY, Entry
from lumina_core.graph.reader import CorruptLine, read_entry, read_log
from lumina_core.graph.records import decode_event

__all__ = ["ArticleRow", "Catalogue", "Counts", "Link", "Problem", "RevisionRow"]

_STREAMS = (ARTICLES, LINKS, RECOVERY)
_BATCH_ENTRIES = 500
_BATCH_BYTES = 16 * 1024 * 1024
_log = structlog.get_logger(__name__)


class Catalogue(CatalogueReader):
    """One process writes it (the log's owner), any number read it. Thread-safe.

    Raises from any method: `StorageFull` when the disk is full, `CoreError` when the file turns out to be damaged
    (a file that cannot be opened is set aside and rebuilt at the next `open`).
    """

    def __init__(self, path: Path, log_root: Path, writer: sqlite3.Connection | None) -> None:
        """Use `open`."""
        super().__init__(path, log_root)
        self._writer = writer
        self._events = EventWriter(writer) if writer is not None else None
        self._writing = threading.RLock()

    @classmethod
    def open(cls, path: Path, log_root: Path, *, read_only: bool = False, catch_up: bool = True) -> Catalogue:
        """Open the catalogue of the log in `log_root`, and unless told otherwise read what it does not hold yet.

        A damaged file, one of another version, and one that does not fit the log are set aside and rebuilt.

        Args:
            path: The SQLite file; with `read_only` it must be there.
            log_root: The graph directory.
            read_only: For other processes than the log's owner.
            catch_up: False leaves reading the log to a later call of `catch_up`.

        Raises:
            NotFound: `read_only`, and there is no catalogue.
        """
        with translated(path):
            if read_only:
                catalogue = cls(path, log_root, None)
                catalogue._readers.put(open_database(path, read_only=True))
                return catalogue
            catalogue = cls(path, log_root, open_database(path))
        try:
            catalogue._check_fit()
            if catch_up:
                catalogue.catch_up()
        except CoreError as error:
            catalogue.close()
            if not isinstance(error, _Unusable) and not _is_damage(error):
                raise
            set_aside(path, error.message)
            with translated(path):
                catalogue = cls(path, log_root, open_database(path))
            if catch_up:
                catalogue.catch_up()
        except BaseException:
            catalogue.close()
            raise
        return catalogue

    def catch_up(self, streams: Iterable[str] = _STREAMS, *, on_progress: Callable[[int], None] | None = None) -> int:
        """Apply what the log holds beyond the catalogue's cursors; return how many entries that were.

        A line that cannot be read or means nothing is passed over, logged, and listed by `problems`.
        """
        total = 0
        with self._writing:
            for stream in streams:
                problems: list[Problem] = []
                entries = read_log(
                    self._root, stream, self.position(stream), on_corrupt=_collect_into(problems, stream)
                )
                while batch := _take_batch(entries):
                    total += self._apply_batch(batch)
                    if on_progress is not None:
                        on_progress(total)
                if problems:
                    with self._transaction() as (connection, _):
                        _report(connection, problems)
        return total

    def apply(self, entries: Iterable[Entry]) -> int:
        """Apply entries in the order of their stream and without gaps; those already applied are passed over."""
        total = 0
        iterator = iter(entries)
        while batch := _take_batch(iterator):
            total += self._apply_batch(batch)
        return total

    def set_ranks(self, ranks: Mapping[ArticleId, float]) -> None:
        """Replace all page ranks; ids that are not here are passed over."""
        with self._transaction() as (connection, _):
            connection.execute("DELETE FROM ranks")
            connection.executemany(
                "INSERT INTO ranks SELECT key, ? FROM articles WHERE id = ?",
                ((rank, article_id) for article_id, rank in ranks.items()),
            )

    def close(self) -> None:
        """Close every connection. Calling it twice is fine."""
        super().close()
        with self._writing:
            if self._writer is not None:
                self._writer.close()

    def _apply_batch(self, entries: list[Entry]) -> int:
        applied = 0
        problems: list[Problem] = []
        with self._transaction() as (connection, events):
            cursors: dict[str, tuple[str, int]] = {
                stream: (day, end) for stream, day, end in connection.execute("SELECT stream, day, end FROM cursors")
            }
            last: dict[str, Entry] = {}
            for entry in entries:
                if (entry.day, entry.end) <= cursors.get(entry.stream, ("", 0)):
                    continue
                try:
                    events.apply(entry, decode_event(entry.record))
                except InvalidInput as error:
                    problems.append(Problem(entry.stream, entry.day, entry.start, error.message))
                cursors[entry.stream] = (entry.day, entry.end)
                last[entry.stream] = entry
                applied += 1
            connection.executemany(
                "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?)",
                [(stream, e.day, e.start, e.end, _checksum(e)) for stream, e in last.items()],
            )
            _report(connection, problems)
        return applied

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, EventWriter]]:
        if self._writer is None or self._events is None:
            raise Conflict("this catalogue is open for reading only", hint="Only the log's owner writes it.")
        with translated(self._path), self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer, self._events
                self._events.flush_counts()
                self._writer.execute("COMMIT")
            except BaseException:
                self._events.forget()
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _check_fit(self) -> None:
        """The last line applied must still be in the log: a log put back from a backup may be another one."""
        with self.reading() as connection:
            cursors = connection.execute("SELECT stream, day, start, end, checksum FROM cursors").fetchall()
        for stream, day, start, end, checksum in cursors:
            try:
                fits = _checksum(read_entry(self._root, stream, day, start, end)) == checksum
            except CoreError:
                fits = False
            if not fits:
                raise _Unusable(f"the log no longer holds what was read from {stream} of {day} at byte {start}")


class _Unusable(CoreError):
    """The catalogue does not belong to this log."""


def _is_damage(error: CoreError) -> bool:
    cause = error.__cause__
    return isinstance(cause, sqlite3.DatabaseError) and cause.sqlite_errorcode in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


def _take_batch(entries: Iterator[Entry]) -> list[Entry]:
    batch = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += entry.end - entry.start
        if len(batch) >= _BATCH_ENTRIES or size >= _BATCH_BYTES:
            break
    return batch


def _checksum(entry: Entry) -> int:
    return zlib.crc32(msgspec.json.encode(entry.record))


def _collect_into(problems: list[Problem], stream: str) -> Callable[[CorruptLine], None]:
    def collect(error: CorruptLine) -> None:
        problems.append(Problem(stream, error.day, error.offset, error.reason))

    return collect


def _report(connection: sqlite3.Connection, problems: list[Problem]) -> None:
    for problem in problems:
        _log.error("graph_log_line_passed_over", stream=problem.stream, day=problem.day, offset=problem.start)
    connection.executemany(
        "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?)",
        [(problem.stream, problem.day, problem.start, problem.reason) for problem in problems],
    )
