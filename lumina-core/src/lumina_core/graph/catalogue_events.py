"""Turning one event of the log into rows of the catalogue. Runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3

import msgspec

from lumina_core.documents import Article, ArticleId, Redirect, normalise_title
from lumina_core.errors import InvalidInput
from lumina_core.graph.layout import Entry
from lumina_core.graph.records import Deletion, Event, EventKind, LinkSet, RecoveryPoint, encode_recovery_point

__all__ = ["EventWriter", "fold_title"]

_PAGE_LINK = 1


def fold_title(title: str) -> str:
    """What titles are compared by when case does not matter."""
    return normalise_title(title).casefold()


class EventWriter:
    """Applies events through one connection. `forget` must be called after a rollback: it interns ids."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany
        self._interned: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}

    def forget(self) -> None:
        self._interned.clear()
        self._counts.clear()

    def flush_counts(self) -> None:
        """Add what was counted since the last call to the table of counters."""
        self._executemany(
            "UPDATE counters SET value = value + ? WHERE name = ?", [(n, name) for name, n in self._counts.items()]
        )
        self._counts.clear()

    def apply(self, entry: Entry, event: Event) -> None:
        match event:
            case Article():
                self._article(entry, event)
            case Redirect():
                self._redirect(entry, event)
            case Deletion():
                self._deletion(entry, event)
            case LinkSet():
                self._link_set(entry, event)
            case RecoveryPoint():
                self._recovery_point(event)
        if not isinstance(event, RecoveryPoint):
            self._count("changes", 1)

    def _article(self, entry: Entry, article: Article) -> None:
        name = self._name(self._source(article.source), article.title)
        key, live, old_name = self._article_key(article.id)
        self._drop_redirect(entry, name)
        self._execute(
            "UPDATE articles SET live = 1, name = ?, source = ?, title = ?, url = ?, revision = ?, ts = ?, at = ?,"
            " fingerprint = ?, summary = ?, wikidata = ?, day = ?, start = ?, end = ?, replaced = ? WHERE key = ?",
            (name, article.source, article.title, article.url, article.revision, article.ts, _at(entry),
             article.fingerprint, article.summary, article.wikidata, entry.day, entry.start, entry.end,
             _replaced(entry), key),
        )  # fmt: skip
        if old_name is not None and old_name != name:
            self._release_name(old_name, key)
        self._execute("UPDATE names SET article = ?, folded = ? WHERE id = ?", (key, fold_title(article.title), name))
        self._revision(entry, key, EventKind.ARTICLE, article.title, article.revision, article.fingerprint, article.ts)
        if not live:
            self._count("articles", 1)
        self._replace_links(key, _PAGE_LINK, self._source(article.source), article.links)

    def _redirect(self, entry: Entry, redirect: Redirect) -> None:
        source = self._source(redirect.source)
        name = self._name(source, redirect.title)
        target = self._name(source, redirect.target)
        rows = self._execute("SELECT key FROM articles WHERE live AND name = ?", (name,)).fetchall()
        for (key,) in rows:  # the page became a redirect
            self._retire(entry, key)
        (was,) = self._execute("SELECT redirect FROM names WHERE id = ?", (name,)).fetchone()
        if was is None:
            self._count("redirects", 1)
        self._execute(
            "UPDATE names SET redirect = ?, article = NULL, folded = ? WHERE id = ?",
            (target, fold_title(redirect.title), name),
        )
        self._redirect_row(entry, name, redirect.target, redirect.revision, redirect.ts)

    def _deletion(self, entry: Entry, deletion: Deletion) -> None:
        if deletion.id is None:
            self._drop_redirect(entry, self._name(self._source(deletion.source), deletion.title))
            return
        row = self._execute("SELECT key FROM articles WHERE id = ? AND live", (deletion.id,)).fetchone()
        if row is not None:
            self._retire(entry, row[0])

    def _link_set(self, entry: Entry, links: LinkSet) -> None:
        relation = self._intern("relations", links.relation)
        if relation == _PAGE_LINK:
            raise InvalidInput("page links belong to the article's own event")
        key, _, _ = self._article_key(links.article)
        source = self._source(links.target_source)
        self._execute(
            "INSERT OR REPLACE INTO link_sets VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, relation, source, entry.day, entry.start, entry.end, len(links.targets)),
        )
        self._replace_links(key, relation, source, links.targets)

    def _recovery_point(self, point: RecoveryPoint) -> None:
        record = msgspec.json.encode(encode_recovery_point(point)).decode()
        self._execute(
            "INSERT OR REPLACE INTO recovery_points VALUES (?, ?, ?, ?)",
            (point.name, point.at, point.automatic, record),
        )

    def _article_key(self, article_id: ArticleId) -> tuple[int, bool, int | None]:
        row = self._execute("SELECT key, live, name FROM articles WHERE id = ?", (article_id,)).fetchone()
        if row is None:
            (key,) = self._execute("INSERT INTO articles(id) VALUES (?) RETURNING key", (article_id,)).fetchone()
            return key, False, None
        return row[0], bool(row[1]), row[2]

    def _retire(self, entry: Entry, key: int) -> None:
        row = self._execute(
            "UPDATE articles SET live = 0 WHERE key = ? RETURNING name, title, revision, fingerprint, ts", (key,)
        ).fetchone()
        name, title, revision, fingerprint, ts = row
        self._revision(entry, key, EventKind.DELETE, title, revision, fingerprint, ts)
        self._release_name(name, key)
        self._replace_links(key, _PAGE_LINK, 0, ())
        self._count("articles", -1)

    def _release_name(self, name: int, key: int) -> None:
        """Another article of that title, where there is one, takes the name over."""
        self._execute(
            "UPDATE names SET article = (SELECT max(key) FROM articles WHERE live AND name = ?1)"
            " WHERE id = ?1 AND article = ?2",
            (name, key),
        )
        self._execute("UPDATE names SET folded = NULL WHERE id = ? AND article IS NULL AND redirect IS NULL", (name,))

    def _drop_redirect(self, entry: Entry, name: int) -> None:
        changed = self._execute("UPDATE names SET redirect = NULL WHERE id = ? AND redirect IS NOT NULL", (name,))
        if changed.rowcount:
            self._execute("UPDATE names SET folded = NULL WHERE id = ? AND article IS NULL", (name,))
            self._redirect_row(entry, name, None, "", 0.0)
            self._count("redirects", -1)

    def _redirect_row(self, entry: Entry, name: int, target: str | None, revision: str, ts: float) -> None:
        self._execute(
            "INSERT OR REPLACE INTO redirects VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, entry.day, entry.start, entry.end, target, revision, ts),
        )

    def _revision(
        self, entry: Entry, key: int, event: EventKind, title: str, revision: str, fingerprint: str, ts: float
    ) -> None:
        self._execute(
            "INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, entry.day, entry.start, entry.end, event.value, title, revision, fingerprint, ts,
             _at(entry)),
        )  # fmt: skip
        self._count("revisions", 1)

    def _replace_links(self, key: int, relation: int, source: int, titles: tuple[str, ...]) -> None:
        if relation == _PAGE_LINK:
            gone = self._execute("DELETE FROM links WHERE article = ? AND relation = ?", (key, relation)).rowcount
        else:
            gone = self._execute(
                "DELETE FROM links WHERE article = ? AND relation = ?"
                " AND target IN (SELECT id FROM names WHERE id = links.target AND source = ?)",
                (key, relation, source),
            ).rowcount
        new = 0
        names = list(dict.fromkeys(map(normalise_title, titles)))
        if names:
            listed = msgspec.json.encode(names).decode()
            self._execute(
                "INSERT OR IGNORE INTO names(source, name) SELECT ?, value FROM json_each(?)", (source, listed)
            )
            new = self._execute(
                "INSERT OR IGNORE INTO links SELECT ?1, ?2, n.id, j.key FROM json_each(?4) AS j"
                " CROSS JOIN names AS n ON n.source = ?3 AND n.name = j.value",
                (key, relation, source, listed),
            ).rowcount
        self._count("links", new - gone)

    def _name(self, source: int, title: str) -> int:
        name = normalise_title(title)
        row = self._execute("SELECT id FROM names WHERE source = ? AND name = ?", (source, name)).fetchone()
        if row is None:
            row = self._execute("INSERT INTO names(source, name) VALUES (?, ?) RETURNING id", (source, name)).fetchone()
        return int(row[0])

    def _source(self, name: str) -> int:
        return self._intern("sources", name)

    def _intern(self, table: str, name: str) -> int:
        cached = self._interned.get((table, name))
        if cached is not None:
            return cached
        self._execute(f"INSERT OR IGNORE INTO {table}(name) VALUES (?)", (name,))  # noqa: S608 - our own table names
        (found,) = self._execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()  # noqa: S608
        self._interned[table, name] = found
        return int(found)

    def _count(self, name: str, change: int) -> None:
        self._counts[name] = self._counts.get(name, 0) + change


def _at(entry: Entry) -> float | None:
    at = entry.record.get("at")
    return float(at) if isinstance(at, int | float) else None


def _replaced(entry: Entry) -> str | None:
    replaced = entry.record.get("replaced")
    return replaced if isinstance(replaced, str) else None
