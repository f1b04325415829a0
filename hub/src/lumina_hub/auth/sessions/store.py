"""Browser sessions in Redis: `sessions:<digest>`. The cookie itself is not kept: a copy of Redis lets nobody in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lumina_core.drivers.redis_client import RedisClient

__all__ = ["SESSION_COOKIE", "BrowserSession", "SessionStore", "public_id"]

SESSION_COOKIE = "lumina_session"

_RECORD = "sessions:{}"
_NOTED_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """Times are epoch seconds. `proof` is the digest, in hex, of the token it began with, "" for a password."""

    principal: str
    proof: str
    csrf_token: str
    created_at: float
    seen_at: float
    ends_at: float


class SessionStore:
    """A session ends `idle_s` after its last use, and `longest_s` after it began. Every method raises `RedisDown`."""

    def __init__(self, redis: RedisClient, *, idle_s: float, longest_s: float, clock: Callable[[], float]) -> None:
        self._redis = redis
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._clock = clock

    async def begin(self, principal: str, *, proof: str = "") -> tuple[str, BrowserSession]:
        """A new session and what to put in the cookie; never one that somebody had before."""
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        session = BrowserSession(
            principal=principal,
            proof=proof,
            csrf_token=secrets.token_urlsafe(32),
            created_at=now,
            seen_at=now,
            ends_at=now + self._longest_s,
        )
        record: dict[Any, Any] = {
            "principal": principal,
            "proof": proof,
            "csrf_token": session.csrf_token,
            "created_at": repr(now),
            "seen_at": repr(now),
            "ends_at": repr(session.ends_at),
        }
        key = _key(cookie)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping=record)
            pipe.pexpireat(key, self._forgotten_at_ms(session, now))
            await pipe.execute()
        return cookie, session

    async def get(self, cookie: str) -> BrowserSession | None:
        """The session of a cookie, if it goes on; it is noted, once a minute, that it was used."""
        key = _key(cookie)
        record: dict[Any, Any] = await self._redis.hgetall(key)
        if not record:
            return None
        now = self._clock()
        session = BrowserSession(
            principal=record["principal"],
            proof=record["proof"],
            csrf_token=record["csrf_token"],
            created_at=float(record["created_at"]),
            seen_at=float(record["seen_at"]),
            ends_at=float(record["ends_at"]),
        )
        if now >= min(session.ends_at, session.seen_at + self._idle_s):
            return None
        if now - session.seen_at >= min(_NOTED_EVERY_S, self._idle_s / 4):
            await self._redis.eval(_NOTE, 1, key, repr(now), str(self._forgotten_at_ms(session, now)))
        return session

    async def end(self, cookie: str) -> None:
        """Whoever still has the cookie has nothing. Durable once this returns."""
        await self._redis.delete(_key(cookie))

    def _forgotten_at_ms(self, session: BrowserSession, now: float) -> int:
        return int(min(session.ends_at, now + self._idle_s) * 1000)


# A session that was ended meanwhile must not come back to life.
_NOTE = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'seen_at', ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
end
return 0
"""


def public_id(cookie: str) -> str:
    """What a session may be called without letting anybody into it."""
    return hashlib.sha256(cookie.encode()).hexdigest()[:16]


def _key(cookie: str) -> str:
    return _RECORD.format(hashlib.sha256(cookie.encode()).hexdigest())
