"""Looking things up in the catalogue, from any thread and any process."""

# ruff: noqa: S608 - only constants of ours are put into queries, every value is bound

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lumina_core.documents import Article, ArticleId, Redirect, normalise_title
from lumina_core.errors import CoreError, NotFound, StorageFull
from lumina_core.graph.catalogue_events import fold_title
from lumina_core.graph.catalogue_rows import ArticleRow, Counts, Link, Problem, RevisionRow
from lumina_core.graph.catalogue_schema import RESOLVE_COLUMN, RESOLVE_JOINS, connect
from lumina_core.graph.layout import ARTICLES, LogPosition
from lumina_core.graph.reader import read_entry
from lumina_core.graph.records import PAGE_LINK, RecoveryPoint, decode_article, decode_recovery_point

__all__ = ["CatalogueReader", "translated"]

_ARTICLE_COLUMNS = (
    "a.id, a.title, a.url, a.source, a.revision, a.ts, a.at, a.fingerprint, a.summary, a.wikidata,"
    " a.day, a.start, a.end, a.replaced, r.rank"
)
_FROM_ARTICLES = "FROM articles AS a LEFT JOIN ranks AS r ON r.article = a.key"
_NAME = "SELECT id FROM names WHERE source = (SELECT id FROM sources WHERE name = ?) AND name = ?"
_STANDING_FOR = (
    "WITH RECURSIVE standing(id) AS ("
    "SELECT id FROM names WHERE article = (SELECT key FROM articles WHERE id = ? AND live)"
    " UNION SELECT names.id FROM names JOIN standing ON names.redirect = standing.id)"
)


class CatalogueReader:
    """Every question the catalogue answers. Thread-safe: each question borrows a connection of its own."""

    def __init__(self, path: Path, log_root: Path) -> None:
        self._path = path
        self._root = log_root
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    @property
    def log_root(self) -> Path:
        return self._root

    def close(self) -> None:
        """Close every connection that is not lent. Calling it twice is fine."""
        while True:
            try:
                self._readers.get_nowait().close()
            except queue.Empty:
                return

    def position(self, stream: str) -> LogPosition | None:
        """How far the stream has been applied; None for not at all."""
        with self.reading() as connection:
            row = connection.execute("SELECT day, end FROM cursors WHERE stream = ?", (stream,)).fetchone()
        return LogPosition(*row) if row else None

    def get(self, article_id: str) -> ArticleRow | None:
        """The live article of that id; None where there is none or it was deleted."""
        return self._one(f"SELECT {_ARTICLE_COLUMNS} {_FROM_ARTICLES} WHERE a.id = ? AND a.live", article_id)

    def articles(self, *, after: str = "", limit: int = 100) -> list[ArticleRow]:
        """Live articles by id, a page at a time: `after` is the last id of the page before."""
        return self._many(
            f"SELECT {_ARTICLE_COLUMNS} {_FROM_ARTICLES} WHERE a.live AND a.id > ? ORDER BY a.id LIMIT ?", after, limit
        )

    def read_article(self, article_id: str, revision: str | None = None) -> Article:
        """Read an article from the log: its present state, or the newest of those named `revision`.

        Raises:
            NotFound: No such article or revision; or it was deleted, and no revision was named.
        """
        if revision is None:
            row = self.get(article_id)
            if row is None:
                raise NotFound(f"there is no article {article_id!r}", hint="See `lumina graph log` for what there was.")
            return decode_article(read_entry(self._root, ARTICLES, row.day, row.start, row.end).record)
        for past in reversed(self.revisions(article_id)):
            if past.event == "article" and past.revision == revision:
                return decode_article(read_entry(self._root, ARTICLES, past.day, past.start, past.end).record)
        raise NotFound(f"article {article_id!r} has no revision {revision!r}", hint="List its revisions first.")

    def revisions(self, article_id: str) -> list[RevisionRow]:
        """An article's life, oldest event first, deleted or not. Raises `NotFound` for an unknown id."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT event, title, revision, fingerprint, ts, at, day, start, end FROM revisions"
                " WHERE article = (SELECT key FROM articles WHERE id = ?) ORDER BY day, start",
                (article_id,),
            ).fetchall()
        if not rows:
            raise NotFound(f"there is no article {article_id!r}")
        return [RevisionRow(number, *row) for number, row in enumerate(rows, 1)]

    def has_revision(self, source: str, title: str, revision: str) -> bool:
        """Whether adding that revision of the article or redirect of that title is known to change nothing."""
        with self.reading() as connection:
            row = connection.execute(
                f"SELECT 1 FROM articles WHERE live AND name = ({_NAME}) AND ? IN (revision, replaced)",
                (source, normalise_title(title), revision),
            ).fetchone()
        if row is not None:
            return True
        redirect = self.redirect_named(source, title)
        return redirect is not None and redirect.revision == revision

    def redirect_named(self, source: str, title: str) -> Redirect | None:
        """The redirect of that title in that source; None where the title is none now."""
        with self.reading() as connection:
            row = connection.execute(
                f"SELECT n.name, r.target, r.revision, r.ts FROM names AS n JOIN redirects AS r ON r.name = n.id"
                f" WHERE n.id = ({_NAME}) AND n.redirect IS NOT NULL ORDER BY r.day DESC, r.start DESC LIMIT 1",
                (source, normalise_title(title)),
            ).fetchone()
        return Redirect(row[0], row[1], source, row[2], row[3]) if row else None

    def articles_named(self, source: str, title: str) -> list[ArticleRow]:
        """The live articles of exactly that title in that source: in a wiki at most one."""
        query = f"SELECT {_ARTICLE_COLUMNS} {_FROM_ARTICLES} WHERE a.live AND a.name = ({_NAME}) ORDER BY a.id"
        return self._many(query, source, normalise_title(title))

    def find_title(self, title: str, *, source: str | None = None) -> ArticleRow | None:
        """The article a title stands for, through redirects: first as written, then whatever the case.

        Where several sources know the title, the article of highest page rank is taken.
        """
        resolved = f"SELECT {RESOLVE_COLUMN} AS key FROM names AS n0 {RESOLVE_JOINS} WHERE"
        limit = "AND n0.source = (SELECT id FROM sources WHERE name = :source)" if source is not None else ""
        sources = "n0.source IN (SELECT id FROM sources)"
        with self.reading() as connection:
            for condition in (f"{sources} AND n0.name = :name", "n0.folded = :folded"):
                row = connection.execute(
                    f"SELECT {_ARTICLE_COLUMNS} {_FROM_ARTICLES} WHERE a.live"
                    f" AND a.key IN ({resolved} {condition} {limit})"
                    " ORDER BY coalesce(r.rank, 0) DESC, a.key LIMIT 1",
                    {"name": normalise_title(title), "folded": fold_title(title), "source": source},
                ).fetchone()
                if row is not None:
                    return ArticleRow(*row)
        return None

    def search_titles(self, prefix: str, limit: int = 20) -> list[ArticleRow]:
        """Articles whose title, or a redirect to them, begins so, whatever the case; alphabetically, each once."""
        folded = fold_title(prefix)
        found: list[ArticleRow] = []
        with self.reading() as connection:
            rows = connection.execute(
                f"SELECT {_ARTICLE_COLUMNS} FROM names AS n0 {RESOLVE_JOINS} JOIN articles AS a"
                f" ON a.key = {RESOLVE_COLUMN} LEFT JOIN ranks AS r ON r.article = a.key"
                " WHERE n0.folded >= ? AND n0.folded < ? AND a.live ORDER BY n0.folded",
                (folded, folded + "\U0010ffff"),
            )
            seen: set[str] = set()
            while len(found) < limit and (row := rows.fetchone()) is not None:
                if row[0] not in seen:
                    seen.add(row[0])
                    found.append(ArticleRow(*row))
            rows.close()
        return found

    def redirects_to(self, article_id: str) -> list[str]:
        """The titles that lead to an article, in order."""
        with self.reading() as connection:
            rows = connection.execute(
                f"{_STANDING_FOR} SELECT names.name FROM standing JOIN names USING (id)"
                " WHERE names.redirect IS NOT NULL ORDER BY 1",
                (article_id,),
            ).fetchall()
        return [name for (name,) in rows]

    def links_from(self, article_id: str) -> list[Link]:
        """An article's links: those of its text, in its order, then others; several titles may lead to one target."""
        with self.reading() as connection:
            rows = connection.execute(
                f"SELECT t.id, n0.name, group_concat(rel.name) FROM links AS l JOIN relations AS rel"
                f" ON rel.id = l.relation JOIN names AS n0 ON n0.id = l.target {RESOLVE_JOINS}"
                f" LEFT JOIN articles AS t ON t.key = {RESOLVE_COLUMN}"
                " WHERE l.article = (SELECT key FROM articles WHERE id = ? AND live)"
                " GROUP BY n0.id ORDER BY min(CASE rel.name WHEN ? THEN l.position END) NULLS LAST, min(rel.name),"
                " min(l.position), n0.name",
                (article_id, PAGE_LINK),
            ).fetchall()
        return [_link(article_id, *row) for row in rows]

    def links_to(self, article_id: str, *, limit: int = 1000) -> list[Link]:
        """Links of live articles that lead to an article, directly or through redirects, by the linking id."""
        with self.reading() as connection:
            rows = connection.execute(
                f"{_STANDING_FOR} SELECT a.id, names.name, group_concat(rel.name) FROM standing"
                " JOIN names USING (id) JOIN links AS l ON l.target = standing.id JOIN articles AS a"
                " ON a.key = l.article JOIN relations AS rel ON rel.id = l.relation"
                " WHERE a.live GROUP BY a.id, names.id ORDER BY a.id, names.name LIMIT ?",
                (article_id, limit),
            ).fetchall()
        return [
            Link(ArticleId(source), ArticleId(article_id), title, _relations(names)) for source, title, names in rows
        ]

    def counts(self) -> Counts:
        with self.reading() as connection:
            values = dict(connection.execute("SELECT name, value FROM counters"))
        return Counts(**values)

    def ranks(self) -> dict[ArticleId, float]:
        """The page ranks as last set, of the articles that are still live."""
        with self.reading() as connection:
            return dict(
                connection.execute(
                    "SELECT a.id, r.rank FROM ranks AS r JOIN articles AS a ON a.key = r.article WHERE a.live"
                )
            )

    def recovery_points(self) -> list[RecoveryPoint]:
        """Every recovery point, oldest first."""
        return self._recovery_points("ORDER BY rowid")

    def recovery_point(self, name: str) -> RecoveryPoint | None:
        return next(iter(self._recovery_points("WHERE name = ?", name)), None)

    def newest_recovery_point(self) -> RecoveryPoint | None:
        return next(iter(self._recovery_points("ORDER BY rowid DESC LIMIT 1")), None)

    def problems(self) -> list[Problem]:
        """Lines of the log that were passed over since the catalogue was built."""
        with self.reading() as connection:
            return [
                Problem(*row)
                for row in connection.execute(
                    "SELECT stream, day, start, reason FROM problems ORDER BY stream, day, start"
                )
            ]

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Borrow a read connection: one consistent state where the caller begins a transaction on it."""
        with translated(self._path):
            try:
                connection = self._readers.get_nowait()
            except queue.Empty:
                connection = connect(self._path, read_only=True)
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._readers.put(connection)

    def _recovery_points(self, condition: str, *values: object) -> list[RecoveryPoint]:
        with self.reading() as connection:
            rows = connection.execute(f"SELECT record FROM recovery_points {condition}", values).fetchall()
        return [decode_recovery_point(msgspec.json.decode(record)) for (record,) in rows]

    def _one(self, query: str, *values: object) -> ArticleRow | None:
        with self.reading() as connection:
            row = connection.execute(query, values).fetchone()
        return ArticleRow(*row) if row else None

    def _many(self, query: str, *values: object) -> list[ArticleRow]:
        with self.reading() as connection:
            return [ArticleRow(*row) for row in connection.execute(query, values)]


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _translate(error: sqlite3.Error, path: Path) -> CoreError:
    if error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
        return StorageFull(
            f"there is no room left for the catalogue {path}",
            hint="Free some space: the catalogue then catches up with the log, which keeps everything.",
        )
    return CoreError(
        f"the catalogue {path} cannot be used: {error}",
        hint="Stop Lumina, delete that file and start again: it is rebuilt from the log.",
    )


def _link(source: str, target: str | None, title: str, relations: str) -> Link:
    return Link(ArticleId(source), ArticleId(target) if target else None, title, _relations(relations))


def _relations(names: str) -> tuple[str, ...]:
    return tuple(sorted(set(names.split(","))))
