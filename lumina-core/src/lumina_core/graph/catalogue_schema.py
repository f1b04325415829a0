"""The catalogue's tables, and opening its file. All of it can be deleted: it is rebuilt from the log."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import structlog

from lumina_core.errors import NotFound

__all__ = ["RESOLVE_COLUMN", "RESOLVE_JOINS", "connect", "open_database", "set_aside"]

_VERSION = 1
_APPLICATION_ID = 0x4C754D61
_MAX_HOPS = 8
_log = structlog.get_logger(__name__)

# A name is a title of one source: an article's, a redirect's, or one that is only linked to. Articles and revisions
# point at their lines in the log by (day, start, end); texts are not stored here. `articles.live` is 0 for a deleted
# article, and for one that only a links event speaks of.
_SCHEMA = """
CREATE TABLE cursors(
  stream TEXT PRIMARY KEY, day TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, checksum INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE sources(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE relations(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE names(
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL, name TEXT NOT NULL, folded TEXT, article INTEGER, redirect INTEGER,
  UNIQUE(source, name)
);
CREATE INDEX names_folded ON names(folded) WHERE folded IS NOT NULL;
CREATE INDEX names_article ON names(article) WHERE article IS NOT NULL;
CREATE INDEX names_redirect ON names(redirect) WHERE redirect IS NOT NULL;
CREATE TABLE articles(
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, live INTEGER NOT NULL DEFAULT 0, name INTEGER, source TEXT,
  title TEXT, url TEXT, revision TEXT, ts REAL, at REAL, fingerprint TEXT, summary TEXT, wikidata TEXT,
  day TEXT, start INTEGER, end INTEGER, replaced TEXT
);
CREATE INDEX articles_name ON articles(name) WHERE live;
CREATE TABLE revisions(
  article INTEGER NOT NULL, day TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, event TEXT NOT NULL,
  title TEXT NOT NULL, revision TEXT NOT NULL, fingerprint TEXT NOT NULL, ts REAL NOT NULL, at REAL,
  PRIMARY KEY(article, day, start)
) WITHOUT ROWID;
CREATE INDEX revisions_place ON revisions(day, start);
CREATE TABLE redirects(
  name INTEGER NOT NULL, day TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, target TEXT,
  revision TEXT NOT NULL, ts REAL NOT NULL, PRIMARY KEY(name, day, start)
) WITHOUT ROWID;
CREATE INDEX redirects_place ON redirects(day, start);
CREATE TABLE links(
  article INTEGER NOT NULL, relation INTEGER NOT NULL, target INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY(article, relation, target)
) WITHOUT ROWID;
CREATE INDEX links_target ON links(target);
CREATE TABLE link_sets(
  article INTEGER NOT NULL, relation INTEGER NOT NULL, target_source INTEGER NOT NULL,
  day TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY(article, relation, target_source, day, start)
) WITHOUT ROWID;
CREATE INDEX link_sets_place ON link_sets(day, start);
CREATE TABLE recovery_points(name TEXT PRIMARY KEY, at REAL NOT NULL, automatic INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE ranks(article INTEGER PRIMARY KEY, rank REAL NOT NULL);
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE problems(
  stream TEXT NOT NULL, day TEXT NOT NULL, start INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(stream, day, start)
) WITHOUT ROWID;
INSERT INTO relations(id, name) VALUES (1, 'page_link');
INSERT INTO counters VALUES ('articles', 0), ('redirects', 0), ('links', 0), ('revisions', 0), ('changes', 0);
"""

RESOLVE_COLUMN = "coalesce(" + ", ".join(f"n{hop}.article" for hop in range(_MAX_HOPS + 1)) + ")"
"""The key of the article a name stands for, through redirects; NULL where it stands for none. A chain of more than
eight redirects, and so a cycle, leads nowhere. Needs `names AS n0` and `RESOLVE_JOINS`."""

RESOLVE_JOINS = " ".join(
    f"LEFT JOIN names AS n{hop + 1} ON n{hop + 1}.id = n{hop}.redirect" for hop in range(_MAX_HOPS)
)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, one at a time."""
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=30
    )
    try:
        connection.execute("PRAGMA cache_size = -16384")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def open_database(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file, creating its tables. A damaged file, or one of another version, is set aside first.

    Raises:
        NotFound: `read_only`, and there is no usable catalogue.
    """
    if read_only:
        usable, _ = _open_usable(path, read_only=True)
        if usable is None:
            raise NotFound(f"{path} holds no usable catalogue", hint="Start Lumina on this home once; that builds it.")
        return usable
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size:
        usable, reason = _open_usable(path)
        if usable is not None:
            _configure(usable)
            return usable
        set_aside(path, reason)
    connection = connect(path)
    _configure(connection)
    connection.executescript(
        f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; PRAGMA application_id = {_APPLICATION_ID}; COMMIT;"
    )
    return connection


def set_aside(path: Path, reason: str) -> None:
    """Rename a catalogue that cannot be used, so that it is rebuilt."""
    number = 1
    while (aside := path.with_name(f"{path.name}.aside-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + suffix))
    _log.warning("catalogue_set_aside", file=str(path), moved_to=str(aside), reason=reason)


def _open_usable(path: Path, *, read_only: bool = False) -> tuple[sqlite3.Connection | None, str]:
    connection = None
    try:
        connection = connect(path, read_only=read_only)
        if _is_ours(connection):
            return connection, ""
        reason = "of another version"
    except sqlite3.OperationalError as error:  # locked, unreadable, not there: no reason to throw it away
        if connection is not None:
            connection.close()
        if read_only:
            return None, str(error)
        raise
    except sqlite3.DatabaseError as error:
        reason = str(error)
    if connection is not None:
        connection.close()
    return None, reason


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")  # derived data: what a power cut takes is read again


def _is_ours(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if (version, application) != (_VERSION, _APPLICATION_ID):
        return False
    connection.execute("SELECT stream, day, end FROM cursors").fetchall()
    connection.execute("SELECT value FROM counters WHERE name = 'changes'").fetchone()
    return True
