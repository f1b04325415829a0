"""Scratchpads: private, short-lived notes in Redis, gone some minutes after they were last used."""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NewType

import msgspec
from redis.asyncio import Redis

from lumina_core.errors import InvalidInput, NotFound

__all__ = [
    "DEADLINES",
    "MAX_NOTES",
    "MAX_NOTE_CHARS",
    "PAD_TTL_S",
    "Note",
    "PadId",
    "PadInfo",
    "ScratchPad",
    "ScratchPads",
]

PadId = NewType("PadId", str)
_PAD_ID = re.compile(r"pad:[0-9a-f]{16}")

PAD_TTL_S = 300
DEADLINES = "pads:deadlines"
"""Sorted set of every pad by the epoch second it expires at: what the compressor looks at, since an expiry notice comes
too late to carry what expired."""
MAX_NOTES = 512
MAX_NOTE_CHARS = 20_000

_OWNED = "pads:of:"  # sorted sets: an owner's pads by the second they end

# KEYS: pad, deadlines. ARGV: now, then what the script needs. A pad that is not to be compressed has no deadline there.
_MOVE_END = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'closed') == 1 then return -1 end
local function move_end()
  local ttl = tonumber(redis.call('HGET', KEYS[1], 'ttl'))
  redis.call('PEXPIRE', KEYS[1], math.ceil(ttl * 1000))
  redis.call('ZADD', KEYS[2], 'XX', ARGV[1] + ttl, KEYS[1])
  redis.call('ZADD', 'pads:of:' .. redis.call('HGET', KEYS[1], 'owner'), 'XX', ARGV[1] + ttl, KEYS[1])
end
"""
_WRITE = (
    _MOVE_END
    + """
if tonumber(redis.call('HGET', KEYS[1], 'count')) >= tonumber(ARGV[3]) then return -2 end
local n = redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('HSET', KEYS[1], string.format('note:%06d', n), ARGV[2])
move_end()
return n
"""
)
_TOUCH = (
    _MOVE_END
    + """
move_end()
return redis.call('HGETALL', KEYS[1])
"""
)


@dataclass(frozen=True, slots=True)
class Note:
    """One entry of a pad. `ts` is epoch seconds, `data` whatever the writer put beside the text."""

    ts: float
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PadInfo:
    """A pad without its notes. `created_at` and `expires_at` are epoch seconds.

    With `compress` its notes become a memory before it ends; without it they are forgotten.
    """

    id: PadId
    owner: str
    title: str
    notes: int
    created_at: float
    expires_at: float
    compress: bool
    cause: str | None


class ScratchPads:
    """Makes and opens pads. Every use of a pad moves its end to its `ttl_s` from then."""

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

    async def create(
        self,
        owner: str,
        *,
        title: str = "",
        ttl_s: float | None = None,
        compress: bool = True,
        cause: str | None = None,
    ) -> ScratchPad:
        """Start an empty pad. Raises `RedisDown`."""
        pad = self.open(PadId(f"pad:{self._random_hex(8)}"))
        now, life_s = self._now(), self._ttl_s if ttl_s is None else ttl_s
        fields = {
            "owner": owner,
            "count": "0",
            "title": title,
            "created": repr(now),
            "ttl": repr(life_s),
            "compress": "1" if compress else "0",
            "cause": cause or "",
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(pad.id, mapping=fields)  # type: ignore[arg-type]
            pipe.pexpire(pad.id, math.ceil(life_s * 1000))
            pipe.zremrangebyscore(f"{_OWNED}{owner}", "-inf", now)
            pipe.zadd(f"{_OWNED}{owner}", {pad.id: now + life_s})
            if compress:
                pipe.zadd(DEADLINES, {pad.id: now + life_s})
            await pipe.execute()
        return pad

    async def list(self, owner: str) -> list[PadInfo]:
        """The owner's pads that are still there, newest first. Looking does not move their ends."""
        ids: Any = await self._redis.zrangebyscore(f"{_OWNED}{owner}", self._now(), "+inf")
        found = [await self._info(PadId(_text(pad))) for pad in ids]
        return sorted((info for info in found if info is not None), key=lambda info: -info.created_at)

    async def info(self, pad: str, owner: str) -> PadInfo:
        """One pad. Raises `NotFound` where it is gone, and for another owner's: its existence is not ours to tell."""
        info = await self._info(PadId(pad)) if _PAD_ID.fullmatch(pad) else None
        if info is None or info.owner != owner:
            raise _gone(pad)
        return info

    async def _info(self, pad: PadId) -> PadInfo | None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(pad)
            pipe.pttl(pad)
            held, left_ms = await pipe.execute()
        fields = {_text(name): _text(value) for name, value in held.items()}
        if not fields or "closed" in fields:
            return None
        return PadInfo(
            id=pad,
            owner=fields["owner"],
            title=fields.get("title", ""),
            notes=int(fields["count"]),
            created_at=float(fields["created"]),
            expires_at=self._now() + max(0, left_ms) / 1000,
            compress=fields.get("compress") != "0",
            cause=fields.get("cause") or None,
        )

    def open(self, pad: PadId) -> ScratchPad:
        """The pad of that id; whether it is still there shows when it is used."""
        return ScratchPad(pad, self._redis, self._now)


class ScratchPad:
    """One pad. Any process that knows its id may write to it; notes keep the order they arrived in."""

    def __init__(self, pad: PadId, redis: Redis, now: Callable[[], float]) -> None:
        """Use `ScratchPads`."""
        self.id = pad
        self._redis = redis
        self._now = now

    async def write(self, note: str, data: Mapping[str, Any] | None = None) -> int:
        """Add a note and return its number, counted from 1.

        Raises:
            NotFound: The pad has expired, was destroyed, or is being compressed.
            InvalidInput: The note is empty or over 20,000 characters, or the pad holds 512 already.
            RedisDown: Redis does not answer; whether the note was written is not known.
        """
        if not note.strip() or len(note) > MAX_NOTE_CHARS:
            raise InvalidInput(
                f"a note of {len(note)} characters cannot be kept", hint=f"Write 1 to {MAX_NOTE_CHARS} characters."
            )
        now = self._now()
        packed = msgspec.json.encode((now, note, data) if data else (now, note)).decode()
        number = int(await self._eval(_WRITE, now, packed, MAX_NOTES))
        if number == -1:
            raise _gone(self.id)
        if number == -2:
            raise InvalidInput(f"{self.id} holds {MAX_NOTES} notes already", hint="Finish it and start another pad.")
        return number

    async def read_all(self) -> list[Note]:
        """Every note, in the order written. Raises `NotFound` as `write` does."""
        reply = await self._eval(_TOUCH, self._now())
        if isinstance(reply, int):
            raise _gone(self.id)
        fields = [_text(item) for item in reply]
        return notes_of(dict(zip(fields[::2], fields[1::2], strict=True)))

    async def finish(self) -> None:
        """Say that nothing more will come: the compressor takes the pad at its next round instead of at its end."""
        await self._redis.zadd(DEADLINES, {self.id: self._now()}, xx=True)

    async def destroy(self) -> None:
        """Throw the notes away, uncompressed. Destroying what is gone is fine."""
        owner: Any = await self._redis.hget(self.id, "owner")
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(self.id)
            pipe.zrem(DEADLINES, self.id)
            if owner is not None:
                pipe.zrem(f"{_OWNED}{_text(owner)}", self.id)
            await pipe.execute()

    async def _eval(self, script: str, now: float, *arguments: Any) -> Any:
        return await self._redis.eval(script, 2, self.id, DEADLINES, repr(now), *arguments)


def notes_of(fields: dict[str, str]) -> list[Note]:
    """The notes in a pad's hash, in order."""
    return [
        Note(*msgspec.json.decode(fields[name])) for name in sorted(name for name in fields if name.startswith("note:"))
    ]


def _gone(pad: str) -> NotFound:
    return NotFound(f"{pad} is gone", hint="Pads live some minutes after their last use; start another one.")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
