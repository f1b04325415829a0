"""The last turns of each session, in Redis: what the next question is read with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import msgspec
import structlog
from redis.asyncio import Redis

from lumina_core.errors import CorruptLog, RedisDown
from lumina_core.graph.log import LogPosition, read_log
from lumina_core.memory.turns import ANSWERS, TURNS, Turn, TurnId, decode_answer, decode_turn

__all__ = ["SESSIONS_KEPT", "TURNS_KEPT", "SessionSeen", "ShortTerm"]

TURNS_KEPT = 32
"""Turns kept per session, well above `HISTORY_TURNS`. The log keeps all."""
SESSIONS_KEPT = 1000
"""Sessions kept per owner, the latest ones."""

_PREFIX = "chat:"
_CURSOR = f"{_PREFIX}cursor"
_REBUILD_BATCH = 500
_log = structlog.get_logger(__name__)

FromLog = Callable[[str, str, int], Awaitable[Sequence[Turn]]]


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """A session and when its last turn was made, epoch seconds."""

    session: str
    ts: float


class ShortTerm:
    """Recent turns per owner and session.

    A session is a sorted set, turns scored by time: adding one twice, or late, changes nothing, so that whatever was
    interrupted can simply be done again. Nothing here expires by itself; only the newest are kept.
    """

    def __init__(self, redis: Redis, *, from_log: FromLog | None = None) -> None:
        """`from_log(owner, session, limit)` answers reads while Redis is away, oldest first."""
        self._redis = redis
        self._from_log = from_log

    async def add(self, owner: str, turns: Iterable[Turn]) -> None:
        """Add turns of one owner. Raises `RedisDown`; then whether they were added is not known, and adding them
        again is safe."""
        async with self._redis.pipeline(transaction=True) as pipe:
            sessions: dict[str, float] = {}
            for turn in turns:
                pipe.zadd(_turns_key(owner, turn.session), {_pack(turn): turn.ts})
                sessions[turn.session] = max(turn.ts, sessions.get(turn.session, turn.ts))
            for session in sessions:
                pipe.zremrangebyrank(_turns_key(owner, session), 0, -TURNS_KEPT - 1)
            if sessions:
                pipe.zadd(_sessions_key(owner), cast("Any", sessions), gt=True)
                pipe.zrange(_sessions_key(owner), 0, -SESSIONS_KEPT - 1)
                replies = await pipe.execute()
            else:
                return
        if old := [_text(session) for session in replies[-1]]:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.zrem(_sessions_key(owner), *old)
                pipe.delete(*(_turns_key(owner, session) for session in old))
                await pipe.execute()

    async def recent(self, owner: str, session: str, limit: int) -> list[Turn]:
        """The last turns of a session, oldest first, without embeddings; empty for an unknown one.

        Raises:
            RedisDown: Redis is away, and there is no `from_log`.
        """
        if limit <= 0:
            return []
        try:
            packed = await self._redis.zrange(_turns_key(owner, session), -limit, -1)
        except RedisDown:
            if self._from_log is None:
                raise
            _log.warning("short_term_read_from_log")
            packed = []
        if not packed and self._from_log is not None:  # or Redis was emptied
            return list(await self._from_log(owner, session, limit))
        return [_unpack(cast("str | bytes", item)) for item in packed]

    async def sessions(self, owner: str, *, limit: int = 100) -> list[SessionSeen]:
        """The owner's sessions, the latest first. Raises `RedisDown`."""
        found = await self._redis.zrange(_sessions_key(owner), 0, limit - 1, desc=True, withscores=True)
        return [SessionSeen(_text(session), float(ts)) for session, ts in cast("list[tuple[str, float]]", found)]

    async def cursor(self) -> LogPosition | None:
        """Up to which line of `chat/turns` everything is in Redis for sure; None where Redis knows nothing."""
        raw = await self._redis.get(_CURSOR)
        if raw is None:
            return None
        day, _, offset = _text(raw).partition(" ")
        return LogPosition(day, int(offset))

    async def set_cursor(self, position: LogPosition) -> None:
        await self._redis.set(_CURSOR, f"{position.day} {position.offset}")

    async def rebuild(self, log_root: Path, *, from_start: bool = False) -> int:
        """Add what the log holds beyond the cursor: all of it where Redis lost everything.

        Args:
            from_start: Trust nothing that is in Redis: every session is made anew, and those the log does not have go.

        Returns:
            How many turns were added. Turns without an answer record have no owner, were never acknowledged, and are
            passed over.
        """
        if not from_start:
            return await self._follow(log_root, await self.cursor(), None)
        # What is there now is in the log by now, so whatever of it the log does not bring is not its own.
        foreign = {_text(key) async for key in self._redis.scan_iter(match=f"{_PREFIX}*", count=1000)} - {_CURSOR}
        fresh: set[str] = set()
        added = await self._follow(log_root, None, fresh)
        foreign -= fresh
        if foreign:
            await self._redis.delete(*foreign)
        # Turns made meanwhile may have been wiped with their session's old set: they lie beyond the cursor.
        return added + await self._follow(log_root, await self.cursor(), None)

    async def _follow(self, log_root: Path, after: LogPosition | None, fresh: set[str] | None) -> int:
        owners: dict[TurnId, str] = {}
        answers = read_log(log_root, ANSWERS, on_corrupt=_report)
        batch: dict[str, list[Turn]] = {}
        waiting = added = 0
        for entry in read_log(log_root, TURNS, after, on_corrupt=_report):
            after = entry.position
            try:
                turn = decode_turn(entry.record)
            except CorruptLog as error:
                _report(error)
                continue
            owner = _owner_of(turn.id, owners, answers)
            if owner is None:
                continue
            batch.setdefault(owner, []).append(turn)
            waiting += 1
            if waiting >= _REBUILD_BATCH:
                added += await self._add_all(batch, fresh)
                batch, waiting = {}, 0
        added += await self._add_all(batch, fresh)
        if after is not None:
            await self.set_cursor(after)
        return added

    async def _add_all(self, batch: dict[str, list[Turn]], fresh: set[str] | None) -> int:
        for owner, turns in batch.items():
            if fresh is not None:
                keys = {_sessions_key(owner), *(_turns_key(owner, turn.session) for turn in turns)} - fresh
                if keys:
                    await self._redis.delete(*keys)
                fresh |= keys
            await self.add(owner, turns)
        return sum(len(turns) for turns in batch.values())


def _owner_of(turn: TurnId, owners: dict[TurnId, str], answers: Iterable[Any]) -> str | None:
    """Answers are written before their turns, so reading on until the turn's own is found never runs far ahead."""
    if turn in owners:
        return owners.pop(turn)
    for entry in answers:
        try:
            answer = decode_answer(entry.record)
        except CorruptLog as error:
            _report(error)
            continue
        if answer.turn == turn:
            return answer.owner
        owners[answer.turn] = answer.owner
    return None


def _report(error: CorruptLog) -> None:
    _log.warning("chat_log_line_skipped", reason=error.message)


def _turns_key(owner: str, session: str) -> str:
    return f"{_PREFIX}turns:{quote(owner, safe='')}:{quote(session, safe='')}"


def _sessions_key(owner: str) -> str:
    return f"{_PREFIX}sessions:{quote(owner, safe='')}"


def _pack(turn: Turn) -> bytes:
    fields = (turn.id, turn.session, turn.ts, turn.user, turn.assistant, turn.confidence, turn.cite_ids)
    return msgspec.json.encode(fields)


def _unpack(packed: str | bytes) -> Turn:
    return Turn(*msgspec.json.decode(packed, type=tuple[TurnId, str, float, str, str, float, tuple[str, ...]]))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
