"""Where each turn lies in the log: a small SQLite file, derived from it and safe to delete."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from lumina_core.errors import CorruptLog, NotFound, StorageFull
from lumina_core.graph.log import Entry, LogPosition, read_entry, read_log
from lumina_core.memory.turns import (
    ANSWERS,
    FEEDBACK,
    TURNS,
    AnswerRecord,
    Feedback,
    FeedbackValue,
    Turn,
    TurnId,
    decode_answer,
    decode_feedback,
    decode_turn,
)

__all__ = ["SessionSummary", "StoredTurn", "TurnIndex"]

_VERSION = 1
_SCHEMA = """
CREATE TABLE turns(
  id TEXT PRIMARY KEY, session TEXT NOT NULL, ts REAL NOT NULL, question TEXT NOT NULL,
  day TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL
);
CREATE INDEX turns_session ON turns(session, ts);
CREATE TABLE answers(
  turn TEXT PRIMARY KEY, owner TEXT NOT NULL, day TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL
);
CREATE INDEX answers_owner ON answers(owner);
CREATE TABLE feedback(turn TEXT PRIMARY KEY, value TEXT NOT NULL, ts REAL NOT NULL);
CREATE TABLE cursors(name TEXT PRIMARY KEY, day TEXT NOT NULL, offset INTEGER NOT NULL);
"""
_QUESTION_CHARS = 200
_COLUMNS = "t.id, a.owner, t.day, t.start, t.end, a.day, a.start, a.end, f.value"
_JOINED = "turns t JOIN answers a ON a.turn = t.id LEFT JOIN feedback f ON f.turn = t.id"
_BATCH = 1000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn with how it was answered and what was thought of it."""

    turn: Turn
    answer: AnswerRecord
    feedback: FeedbackValue | None


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session at a glance. `started` and `ts` (its last turn): epoch seconds. `title`: its first question, cut."""

    session: str
    title: str
    turns: int
    started: float
    ts: float


class TurnIndex:
    """Finds turns by id, session and owner. Thread-safe; every call touches the disk."""

    def __init__(self, connection: sqlite3.Connection, log_root: Path) -> None:
        """Use `open`."""
        self._db = connection
        self._root = log_root
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, log_root: Path) -> TurnIndex:
        """Open the file, making it anew where it is missing, unreadable or of another version. Call `catch_up` next.

        Raises:
            StorageFull: The disk has no room for it, or does not let us write.
        """
        try:
            return cls(_connect(path), log_root)
        except (sqlite3.OperationalError, OSError) as error:  # full, locked, not ours: no reason to throw it away
            raise StorageFull(
                f"the turn index {path} cannot be opened: {error}", hint="Check the disk's room and permissions."
            ) from error
        except sqlite3.DatabaseError:
            _log.warning("turn_index_remade", file=str(path))
            for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                leftover.unlink(missing_ok=True)
            return cls(_connect(path), log_root)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def catch_up(self) -> int:
        """Apply what the log holds beyond the cursors. Returns how many lines that were."""
        applied = 0
        for stream in (ANSWERS, TURNS, FEEDBACK):  # a turn is complete only with its answer, which is written first
            batch: list[Entry] = []
            entries = read_log(self._root, stream, self.cursor(stream), on_corrupt=_report)
            for entry in entries:
                batch.append(entry)
                if len(batch) >= _BATCH:
                    self.apply(batch)
                    applied += len(batch)
                    batch = []
            self.apply(batch)
            applied += len(batch)
        return applied

    def apply(self, entries: Iterable[Entry]) -> None:
        """Take in lines of the chat streams and move their cursors; a line applied twice changes nothing.

        Raises:
            StorageFull: The file cannot be written; none of the lines was taken in.
        """
        try:
            self._apply_all(entries)
        except sqlite3.OperationalError as error:
            raise StorageFull(
                f"the turn index cannot be written: {error}",
                hint="Free some space; what it lacks is read from the log.",
            ) from error

    def _apply_all(self, entries: Iterable[Entry]) -> None:
        with self._lock, self._db:
            for entry in entries:
                try:
                    self._apply(entry)
                except CorruptLog as error:
                    _report(error)
                self._db.execute(
                    "INSERT INTO cursors VALUES (?1, ?2, ?3) ON CONFLICT(name) DO UPDATE SET day = ?2, offset = ?3 "
                    "WHERE (day, offset) < (?2, ?3)",
                    (entry.stream, entry.day, entry.end),
                )

    def cursor(self, name: str) -> LogPosition | None:
        """A stored position, by the name of its stream or of whoever follows one."""
        with self._lock:
            row = self._db.execute("SELECT day, offset FROM cursors WHERE name = ?", (name,)).fetchone()
        return LogPosition(row[0], row[1]) if row else None

    def set_cursor(self, name: str, position: LogPosition | None) -> None:
        with self._lock, self._db:
            if position is None:
                self._db.execute("DELETE FROM cursors WHERE name = ?", (name,))
            else:
                self._db.execute(
                    "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)", (name, position.day, position.offset)
                )

    def get(self, turn: str, owner: str) -> StoredTurn:
        """One turn. Raises `NotFound` for an unknown one and for another owner's: its existence is not ours to tell."""
        with self._lock:
            row = self._db.execute(
                f"SELECT {_COLUMNS} FROM {_JOINED} WHERE t.id = ? AND a.owner = ?",  # noqa: S608 - constants
                (turn, owner),
            ).fetchone()
        if row is None:
            raise NotFound(f"there is no turn {turn!r}", hint="List turns with GET /api/v1/chat/turns.")
        return self._read(row)

    def answer(self, turn: TurnId) -> AnswerRecord:
        """How a turn was answered, whoever owns it. Raises `NotFound` where it was never acknowledged."""
        with self._lock:
            row = self._db.execute("SELECT day, start, end FROM answers WHERE turn = ?", (turn,)).fetchone()
        if row is None:
            raise NotFound(f"there is no answer to {turn!r}", hint="List turns with GET /api/v1/chat/turns.")
        return decode_answer(read_entry(self._root, ANSWERS, *row).record)

    def page(
        self, owner: str, *, session: str | None = None, limit: int = 50, before: str | None = None
    ) -> list[StoredTurn]:
        """The newest turns of an owner, or of one session, oldest first; `before` is the id of the page after.

        Raises:
            NotFound: `before` is no turn of the owner, or the owner has no such session.
        """
        where = "a.owner = ?"
        arguments: list[str | float] = [owner]
        if session is not None:
            where += " AND t.session = ?"
            arguments.append(session)
        with self._lock:
            if before is not None:
                known = self._db.execute(
                    "SELECT t.ts FROM turns t JOIN answers a ON a.turn = t.id WHERE t.id = ? AND a.owner = ?",
                    (before, owner),
                ).fetchone()
                if known is None:
                    raise NotFound(
                        f"there is no turn {before!r}", hint="Pass the id of a turn of this list as `before`."
                    )
                where += " AND (t.ts, t.id) < (?, ?)"
                arguments += [known[0], before]
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM {_JOINED} WHERE {where} "  # noqa: S608 - constants
                "ORDER BY t.ts DESC, t.id DESC LIMIT ?",
                (*arguments, limit),
            ).fetchall()
        if not rows and session is not None and before is None:
            raise NotFound(f"there is no session {session!r}", hint="List sessions with GET /api/v1/chat/sessions.")
        return [self._read(row) for row in reversed(rows)]

    def recent(self, owner: str, session: str, limit: int) -> list[StoredTurn]:
        """The session's last turns, oldest first; empty for an unknown one."""
        try:
            return self.page(owner, session=session, limit=limit)
        except NotFound:
            return []

    def place(self, turn: Turn, owner: str) -> int:
        """How many turns of the owner come before this one in its session."""
        with self._lock:
            return int(
                self._db.execute(
                    "SELECT count(*) FROM turns t JOIN answers a ON a.turn = t.id "
                    "WHERE t.session = ?1 AND (t.ts, t.id) < (?2, ?3) AND a.owner = ?4",
                    (turn.session, turn.ts, turn.id, owner),
                ).fetchone()[0]
            )

    def sessions(self, owner: str, *, limit: int = 100) -> list[SessionSummary]:
        """The owner's sessions, the latest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT t.session, count(*), min(t.ts), max(t.ts), (SELECT q.question FROM turns q JOIN answers b ON "
                "b.turn = q.id WHERE q.session = t.session AND b.owner = ?1 ORDER BY q.ts, q.id LIMIT 1) "
                "FROM turns t JOIN answers a ON a.turn = t.id WHERE a.owner = ?1 "
                "GROUP BY t.session ORDER BY max(t.ts) DESC, t.session LIMIT ?2",
                (owner, limit),
            ).fetchall()
        return [SessionSummary(session, title, count, started, ts) for session, count, started, ts, title in rows]

    def count(self, owner: str | None = None) -> int:
        """How many turns there are, of one owner or of all."""
        with self._lock:
            return int(
                self._db.execute(
                    "SELECT count(*) FROM turns t JOIN answers a ON a.turn = t.id WHERE ?1 IS NULL OR a.owner = ?1",
                    (owner,),
                ).fetchone()[0]
            )

    def _apply(self, entry: Entry) -> None:
        place = (entry.day, entry.start, entry.end)
        if entry.stream == TURNS:
            turn = decode_turn(entry.record)
            self._db.execute(
                "INSERT OR IGNORE INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)",
                (turn.id, turn.session, turn.ts, turn.user[:_QUESTION_CHARS], *place),
            )
        elif entry.stream == ANSWERS:
            answer = decode_answer(entry.record)
            values = (answer.turn, answer.owner, *place)
            self._db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", values)
        elif entry.stream == FEEDBACK:
            feedback: Feedback = decode_feedback(entry.record)
            self._db.execute(
                "INSERT INTO feedback VALUES (?1, ?2, ?3) "
                "ON CONFLICT(turn) DO UPDATE SET value = ?2, ts = ?3 WHERE ts <= ?3",
                (feedback.turn, feedback.value.value, feedback.ts),
            )

    def _read(self, row: tuple[str, str, str, int, int, str, int, int, str | None]) -> StoredTurn:
        turn = decode_turn(read_entry(self._root, TURNS, row[2], row[3], row[4]).record)
        answer = decode_answer(read_entry(self._root, ANSWERS, row[5], row[6], row[7]).record)
        return StoredTurn(turn, answer, FeedbackValue(row[8]) if row[8] else None)


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"version {version}, not {_VERSION}")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _report(error: CorruptLog) -> None:
    _log.warning("chat_log_line_skipped", reason=error.message)
