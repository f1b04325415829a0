"""Every gap: in the log (the truth), in Redis (to list and find them), and on the board `gaps:topics`."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import CorruptLog, DependencyDown, InvalidInput, NotFound, StorageFull
from lumina_core.events.event import CoreStream, Event
from lumina_core.events.streams import EventStreams
from lumina_core.gaps.records import (
    GAPS,
    Gap,
    GapReason,
    GapState,
    GapStep,
    decode_gap,
    encode_gap,
    question_key,
)
from lumina_core.graph.log import GraphLog, LogPosition, read_log
from lumina_core.queues.queue import GAP_TOPICS

__all__ = ["GapBook"]

_RECORDS = "gaps:records"
_ALIVE = "gaps:alive"
_TOPICS = "gaps:open"
_CURSOR = "gaps:cursor"
_ORDER = "gaps:order:"
_ALL = "all"
_BATCH = 200
_log = structlog.get_logger(__name__)

# KEYS: records (hash, id to JSON), alive (hash, question to id), open (hash, topic to ids and priorities of the open
# gaps it belongs to), board, cursor. ARGV: cursor, then per gap: id, JSON, question, state, priority, is final, topics.
# The board is what `open` says, and nothing of it comes back that somebody took while its gap stayed as it was.
_APPLY = """
local function touch(topic, id, priority)
  local ids = cjson.decode(redis.call('HGET', KEYS[3], topic) or '{}')
  ids[id] = priority
  local best = nil
  for _, p in pairs(ids) do if best == nil or p > best then best = p end end
  if best == nil then
    redis.call('HDEL', KEYS[3], topic)
    redis.call('ZREM', KEYS[4], topic)
  else
    redis.call('HSET', KEYS[3], topic, cjson.encode(ids))
    if priority ~= nil or redis.call('ZSCORE', KEYS[4], topic) then redis.call('ZADD', KEYS[4], -best, topic) end
  end
end
for i = 2, #ARGV, 7 do
  local id, text, question, state, priority, final = ARGV[i], ARGV[i+1], ARGV[i+2], ARGV[i+3], ARGV[i+4], ARGV[i+5]
  local topics, now_on = cjson.decode(ARGV[i+6]), {}
  local old = redis.call('HGET', KEYS[1], id)
  for _, topic in ipairs(topics) do now_on[topic] = true end
  if old then
    local was = cjson.decode(old)
    redis.call('ZREM', KEYS[6] .. was['state'], id)
    for _, topic in ipairs(was['board']) do
      if not now_on[topic] then touch(topic, id, nil) end
    end
  end
  redis.call('HSET', KEYS[1], id, text)
  redis.call('ZADD', KEYS[6] .. state, -tonumber(priority), id)
  redis.call('ZADD', KEYS[6] .. 'all', -tonumber(priority), id)
  if final == '0' then
    redis.call('HSET', KEYS[2], question, id)
  elseif redis.call('HGET', KEYS[2], question) == id then
    redis.call('HDEL', KEYS[2], question)
  end
  for _, topic in ipairs(topics) do touch(topic, id, tonumber(priority)) end
end
if ARGV[1] ~= '' then redis.call('SET', KEYS[5], ARGV[1]) end
"""


class GapBook:
    """One per graph directory: changes are made one at a time, each checked against the gap as it is.

    A change is acknowledged when it is in the log. What then fails to reach Redis is brought there before the next one.
    Every method raises `RedisDown` when Redis does not answer.
    """

    def __init__(
        self,
        log: GraphLog,
        redis: RedisClient,
        events: EventStreams,
        *,
        now: Callable[[], float] = time.time,
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._log = log
        self._redis = redis
        self._events = events
        self._now = now
        self._random_hex = random_hex
        self._changing = asyncio.Lock()
        self._behind = True

    @classmethod
    async def open(cls, log: GraphLog, redis: RedisClient, events: EventStreams, **options: Any) -> GapBook:
        """Bring Redis up to the log; where Redis is away that is done before the first change."""
        book = cls(log, redis, events, **options)
        try:
            async with book._changing:
                await book._catch_up()
        except (DependencyDown, StorageFull) as error:
            _log.warning("gap_book_behind", reason=error.message)
        return book

    async def report(
        self,
        question: str,
        *,
        by: str,
        reason: GapReason = GapReason.REPORTED,
        topics: Sequence[str] = (),
        turn: str | None = None,
        confidence: float | None = None,
    ) -> tuple[Gap, bool]:
        """Open a gap and tell of it on `gap:req`; or, where one of this question is alive, note that it was met again.

        Returns:
            The gap, and whether it is new.

        Raises:
            StorageFull: The log has no room; nothing was kept.
        """
        async with self._changing:
            await self._catch_up()
            now = self._now()
            alive = await self._alive(question)
            named = tuple(dict.fromkeys(topic.strip() for topic in topics if topic.strip()))
            gap = (
                alive.met_again(at=now, topics=named, confidence=confidence)
                if alive is not None
                else Gap(
                    id=f"gap_{self._random_hex(6)}",
                    question=question,
                    reason=reason,
                    state=GapState.OPEN,
                    opened_at=now,
                    updated_at=now,
                    topics=named,
                    confidence=confidence,
                    turn=turn,
                    history=(GapStep(GapState.OPEN, now, by),),
                )
            )
            await self._keep(gap)
        if gap.state is GapState.OPEN:  # again too, for the first time may have failed; a repeat within a day is none
            data = {"gap": gap.id, "question": gap.question, "reason": gap.reason.value, "topics": list(gap.topics)}
            await self._events.publish([Event(gap.id, CoreStream.GAP_REQ, now, data=data, cause=gap.turn)])
        return gap, alive is None

    async def step(
        self,
        gap_id: str,
        state: GapState,
        *,
        by: str,
        note: str = "",
        topics: Sequence[str] | None = None,
        articles: Sequence[str] = (),
        turn: str | None = None,
    ) -> Gap:
        """Take a gap on in its life; see `Gap.step`.

        Raises:
            NotFound: There is no such gap.
            Conflict: Its life does not allow the step.
            StorageFull: The log has no room; nothing was changed.
        """
        async with self._changing:
            await self._catch_up()
            gap = await self.get(gap_id)
            after = gap.step(
                state,
                at=self._now(),
                by=by,
                note=note,
                topics=None if topics is None else tuple(topics),
                articles=tuple(articles),
                turn=turn,
            )
            if after is not gap:
                await self._keep(after)
            return after

    async def get(self, gap_id: str) -> Gap:
        """Raises `NotFound`."""
        text: Any = await self._redis.hget(_RECORDS, gap_id)
        if text is None:
            raise NotFound(f"there is no gap {gap_id!r}", hint="`/api/v1/gaps` lists them.")
        return _unpack(text)

    async def list(
        self, *, state: GapState | None = None, limit: int = 50, after: str | None = None
    ) -> tuple[list[Gap], str | None]:
        """A page of gaps, by falling priority, and the cursor of the next one, None on the last.

        Raises:
            InvalidInput: `after` is no cursor.
        """
        start = int(after) if after is not None and after.isdecimal() else 0
        if after is not None and not after.isdecimal():
            raise InvalidInput(f"{after!r} is no cursor", hint="Pass the `after` of the page ahead of this one.")
        ids: Any = await self._redis.zrange(f"{_ORDER}{state or _ALL}", start, start + limit)
        texts: Any = await self._redis.hmget(_RECORDS, ids[:limit]) if ids else []
        return [_unpack(text) for text in texts if text], str(start + limit) if len(ids) > limit else None

    async def rebuild(self) -> None:
        """Make Redis' share anew from the log's first line."""
        async with self._changing:
            keys = [_RECORDS, _ALIVE, _TOPICS, GAP_TOPICS, _CURSOR, f"{_ORDER}{_ALL}"]
            await self._redis.delete(*keys, *(f"{_ORDER}{state}" for state in GapState))
            self._behind = True
            await self._catch_up()

    async def _alive(self, question: str) -> Gap | None:
        gap_id: Any = await self._redis.hget(_ALIVE, question_key(question))
        return await self.get(gap_id) if gap_id is not None else None

    async def _keep(self, gap: Gap) -> None:
        written = await asyncio.wrap_future(self._log.append(GAPS, [encode_gap(gap)]))
        self._behind = True
        await self._apply([gap], written[-1].position)
        self._behind = False

    async def _catch_up(self) -> None:
        if not self._behind:
            return
        raw: Any = await self._redis.get(_CURSOR)
        day, _, offset = (raw or "").partition(" ")
        after = LogPosition(day, int(offset)) if raw else None
        while True:
            entries = await asyncio.to_thread(_read, self._log, after)
            if not entries:
                break
            after = entries[-1][1]
            await self._apply([gap for gap, _ in entries if gap is not None], after)
        self._behind = False

    async def _apply(self, gaps: Sequence[Gap], position: LogPosition) -> None:
        arguments: list[Any] = [f"{position.day} {position.offset}"]
        for gap in gaps:
            board = list(gap.board_topics)
            text = msgspec.json.encode(encode_gap(gap) | {"board": board})
            final = "1" if gap.state.is_final else "0"
            topics = msgspec.json.encode(board)
            arguments += [gap.id, text, question_key(gap.question), gap.state.value, repr(gap.priority), final, topics]
        keys = (_RECORDS, _ALIVE, _TOPICS, GAP_TOPICS, _CURSOR, _ORDER)
        await self._redis.eval(_APPLY, len(keys), *keys, *arguments)


def _read(log: GraphLog, after: LogPosition | None) -> list[tuple[Gap | None, LogPosition]]:
    found: list[tuple[Gap | None, LogPosition]] = []
    for entry in read_log(log.root, GAPS, after, on_corrupt=lambda error: None):
        try:
            found.append((decode_gap(entry.record), entry.position))
        except CorruptLog as error:
            _log.warning("gap_line_skipped", reason=error.message)
            found.append((None, entry.position))
        if len(found) >= _BATCH:
            break
    return found


def _unpack(text: str) -> Gap:
    return decode_gap(msgspec.json.decode(text))
