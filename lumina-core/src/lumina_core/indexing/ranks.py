"""Page ranks as last computed, and what the stored payloads carry of them: `index/ranks.sqlite`, derived, deletable."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from lumina_core.documents import ArticleId
from lumina_core.graph.catalogue import Counts

__all__ = ["TOLERANCE", "UNRANKED", "RankBook", "is_due"]

UNRANKED = 1.0
"""What an article counts until its rank is computed: as much as the average one."""

TOLERANCE = 0.50
"""A payload is written again when the rank differs from what it carries by more than this share of the larger one: by a
factor of two. Ranking takes the logarithm of a rank at a small weight, so less would change nothing a reader sees, and
in Qdrant a point whose payload is written leaves the ANN index until the next optimise."""

GROWTH = 0.05
"""Ranks are computed again once as many articles, redirects or links changed as make this share of all titles …"""

CHANGES = 50_000
"""… or this many, whichever comes first."""

_TABLES = """
CREATE TABLE IF NOT EXISTS rank (article TEXT PRIMARY KEY, rank REAL NOT NULL, written REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS computed (one INTEGER PRIMARY KEY CHECK (one = 1), changes INTEGER NOT NULL);
"""


def is_due(counts: Counts, *, ranked_changes: int | None) -> bool:
    """Whether enough has changed since the ranks were computed, `ranked_changes` into the graph's life."""
    if counts.links == 0:
        return False
    if ranked_changes is None:
        return True
    changed = abs(counts.changes - ranked_changes)
    return changed >= CHANGES or changed > GROWTH * (counts.articles + counts.redirects)


class RankBook:
    """One writer, the indexer; anybody may read. Losing the file costs a computation and nothing else. Thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> RankBook:
        """Open the file, or start over where it is missing or no rank book."""
        try:
            return cls(_connect(path))
        except sqlite3.DatabaseError:
            for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                leftover.unlink(missing_ok=True)
            return cls(_connect(path))

    @classmethod
    def read(cls, path: Path) -> dict[ArticleId, float]:
        """All ranks of the book at a path, from any process; none where there is no book."""
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10.0)
            with contextlib.closing(connection):
                return dict(connection.execute("SELECT article, rank FROM rank"))
        except sqlite3.DatabaseError:
            return {}

    @property
    def ranked_changes(self) -> int | None:
        """How many changes the graph had seen when the ranks were computed; None before the first time."""
        with self._lock:
            row = self._connection.execute("SELECT changes FROM computed").fetchone()
        return None if row is None else int(row[0])

    def rank(self, article: ArticleId) -> float:
        """The article's rank as last computed; `UNRANKED` for one that is newer than that."""
        with self._lock:
            row = self._connection.execute("SELECT rank FROM rank WHERE article = ?", (article,)).fetchone()
        return UNRANKED if row is None else float(row[0])

    def replace(self, ranks: Mapping[ArticleId, float], *, changes: int) -> None:
        """Take over newly computed ranks. What the payloads carry is remembered for `pending`."""
        with self._lock, self._connection:
            self._connection.execute("UPDATE rank SET rank = ?", (UNRANKED,))
            self._connection.executemany(
                "INSERT INTO rank (article, rank, written) VALUES (?, ?, ?)"
                " ON CONFLICT (article) DO UPDATE SET rank = excluded.rank",
                ((article, rank, UNRANKED) for article, rank in ranks.items()),
            )
            self._connection.execute("INSERT OR REPLACE INTO computed (one, changes) VALUES (1, ?)", (changes,))

    def pending(self, limit: int) -> list[tuple[ArticleId, float]]:
        """Articles, with their ranks, whose payloads carry one that is off by more than `TOLERANCE`."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT article, rank FROM rank WHERE abs(rank - written) > ? * max(rank, written) LIMIT ?",
                (TOLERANCE, limit),
            ).fetchall()
        return [(ArticleId(article), float(rank)) for article, rank in rows]

    def mark_written(self, ranks: Iterable[tuple[ArticleId, float]]) -> None:
        """Note what payloads now carry."""
        with self._lock, self._connection:
            self._connection.executemany(
                "UPDATE rank SET written = ? WHERE article = ?", [(rank, article) for article, rank in ranks]
            )

    def begin_rebuild(self) -> None:
        """From now on every point is written anew, with the rank of this book."""
        with self._lock, self._connection:
            self._connection.execute("UPDATE rank SET written = rank")

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=10.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_TABLES)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
