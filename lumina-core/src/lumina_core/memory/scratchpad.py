"""Scratchpads: private, short-lived notes in Redis, gone some minutes after they were last used."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NewType

import msgspec
from redis.asyncio import Redis

from lumina_core.errors import InvalidInput, NotFound

__all__ = ["DEADLINES", "MAX_NOTES", "MAX_NOTE_CHARS", "PAD_TTL_S", "Note", "PadId", "ScratchPad", "ScratchPads"]

PadId = NewType("PadId", str)

PAD_TTL_S = 300
DEADLINES = "pads:deadlines"
"""Sorted set of every pad by the epoch second it expires at: what the compressor looks at, since an expiry notice comes
too late to carry what expired."""
MAX_NOTES = 512
MAX_NOTE_CHARS = 16_384

_OWNER = "owner"
_CLOSED = "closed"
_COUNT = "count"

_WRITE = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'closed') == 1 then return -1 end
if tonumber(redis.call('HGET', KEYS[1], 'count')) >= tonumber(ARGV[4]) then return -2 end
local n = redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('HSET', KEYS[1], string.format('note:%06d', n), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], KEYS[1])
return n
"""
_TOUCH = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'closed') == 1 then return -1 end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[2], KEYS[1])
return redis.call('HGETALL', KEYS[1])
"""


@dataclass(frozen=True, slots=True)
class Note:
    """One entry of a pad. `ts` is epoch seconds."""

    ts: float
    text: str


class ScratchPads:
    """Makes and opens pads. Every use of a pad moves its end to `ttl_s` from then."""

    def __init__(
        self,
        redis: Redis,
        *,
        ttl_s: int = PAD_TTL_S,
        now: Callable[[], float] = time.time,
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        if ttl_s <= 0:
            raise InvalidInput(f"a scratchpad cannot live {ttl_s} s", hint="Set PAD_TTL to a second or more.")
        self._redis = redis
        self._ttl_s = ttl_s
        self._now = now
        self._random_hex = random_hex

    async def create(self, owner: str) -> ScratchPad:
        """Start an empty pad. Raises `RedisDown`."""
        pad = self.open(PadId(f"pad:{self._random_hex(8)}"))
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(pad.id, mapping={_OWNER: owner, _COUNT: "0"})
            pipe.expire(pad.id, self._ttl_s)
            pipe.zadd(DEADLINES, {pad.id: self._now() + self._ttl_s})
            await pipe.execute()
        return pad

    def open(self, pad: PadId) -> ScratchPad:
        """The pad of that id; whether it is still there shows when it is used."""
        return ScratchPad(pad, self._redis, self._ttl_s, self._now)


class ScratchPad:
    """One pad. Any process that knows its id may write to it; notes keep the order they arrived in."""

    def __init__(self, pad: PadId, redis: Redis, ttl_s: int, now: Callable[[], float]) -> None:
        """Use `ScratchPads`."""
        self.id = pad
        self._redis = redis
        self._ttl_s = ttl_s
        self._now = now

    async def write(self, note: str) -> int:
        """Add a note and return its number, counted from 1.

        Raises:
            NotFound: The pad has expired, was destroyed, or is being compressed.
            InvalidInput: The note is empty or over 16,384 characters, or the pad holds 512 already.
            RedisDown: Redis does not answer; whether the note was written is not known.
        """
        if not note.strip() or len(note) > MAX_NOTE_CHARS:
            raise InvalidInput(
                f"a note of {len(note)} characters cannot be kept", hint=f"Write 1 to {MAX_NOTE_CHARS} characters."
            )
        now = self._now()
        packed = msgspec.json.encode((now, note)).decode()
        number = int(await self._eval(_WRITE, packed, self._ttl_s, now + self._ttl_s, MAX_NOTES))
        if number == -1:
            raise self._gone()
        if number == -2:
            raise InvalidInput(f"{self.id} holds {MAX_NOTES} notes already", hint="Finish it and start another pad.")
        return number

    async def read_all(self) -> list[Note]:
        """Every note, in the order written. Raises `NotFound` as `write` does."""
        reply = await self._eval(_TOUCH, self._ttl_s, self._now() + self._ttl_s)
        if isinstance(reply, int):
            raise self._gone()
        fields = [_text(item) for item in reply]
        return notes_of(dict(zip(fields[::2], fields[1::2], strict=True)))

    async def finish(self) -> None:
        """Say that nothing more will come: the compressor takes the pad at its next round instead of at its end."""
        await self._redis.zadd(DEADLINES, {self.id: self._now()}, xx=True)

    async def destroy(self) -> None:
        """Throw the notes away, uncompressed. Destroying what is gone is fine."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(self.id)
            pipe.zrem(DEADLINES, self.id)
            await pipe.execute()

    async def _eval(self, script: str, *arguments: Any) -> Any:
        return await self._redis.eval(script, 2, self.id, DEADLINES, *arguments)

    def _gone(self) -> NotFound:
        return NotFound(f"{self.id} is gone", hint="Pads live some minutes after their last use; start another one.")


def notes_of(fields: dict[str, str]) -> list[Note]:
    """The notes in a pad's hash, in order."""
    return [
        Note(*msgspec.json.decode(fields[name], type=tuple[float, str]))
        for name in sorted(name for name in fields if name.startswith("note:"))
    ]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
