"""Users in Redis: `users:<name>`, with a hash of the password that is slow to guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import WatchError

from lumina_core.drivers.redis_client import RedisClient
from lumina_sdk.contract import Role

__all__ = ["User", "UserStore"]

_RECORD = "users:{}"
_NAMES = "users"
_SEEN = "users-seen"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class User:
    """Times are epoch seconds. A session begun before `sessions_since` has ended."""

    name: str
    role: Role
    password_hash: str
    created_at: float
    sessions_since: float
    is_disabled: bool = False
    last_login_at: float | None = None


class UserStore:
    """Every method raises `RedisDown`. What was written is on the disk once the call returns."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def add(self, user: User) -> bool:
        """Whether the name was free. Of two at once one wins."""
        return await self._write(user, over=False)

    async def replace(self, user: User) -> bool:
        """Whether there still was such a user."""
        return await self._write(user, over=True)

    async def remove(self, name: str) -> bool:
        """Whether there was one."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_RECORD.format(name))
            pipe.srem(_NAMES, name)
            pipe.hdel(_SEEN, name)
            removed, *_ = await pipe.execute()
        return bool(removed)

    async def get(self, name: str) -> User | None:
        return _read(name, await self._redis.hgetall(_RECORD.format(name)))

    async def all(self) -> list[User]:
        """Every user, by name, with when each last logged in."""
        names = sorted(map(str, await self._redis.smembers(_NAMES)))
        if not names:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(_RECORD.format(name))
            pipe.hgetall(_SEEN)
            *records, seen = await pipe.execute()
        found = [_read(name, record, seen.get(name)) for name, record in zip(names, records, strict=True)]
        return [user for user in found if user is not None]

    async def mark_seen(self, name: str, now: float) -> None:
        """Note that a user logged in."""
        await self._redis.hset(_SEEN, name, repr(now))

    async def _write(self, user: User, *, over: bool) -> bool:
        key = _RECORD.format(user.name)
        record: dict[Any, Any] = {
            "role": user.role.value,
            "password_hash": user.password_hash,
            "created_at": repr(user.created_at),
            "sessions_since": repr(user.sessions_since),
            "disabled": "yes" if user.is_disabled else "no",
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(key)
            if bool(await pipe.exists(key)) is not over:
                return False
            pipe.multi()  # type: ignore[no-untyped-call]
            pipe.hset(key, mapping=record)
            pipe.sadd(_NAMES, user.name)
            try:
                await pipe.execute()
            except WatchError:  # somebody else wrote or removed it meanwhile
                return False
        return True


def _read(name: str, record: Mapping[Any, Any], seen: str | None = None) -> User | None:
    if not record:
        return None
    try:
        return User(
            name=name,
            role=Role(record["role"]),
            password_hash=record["password_hash"],
            created_at=float(record["created_at"]),
            sessions_since=float(record["sessions_since"]),
            is_disabled=record["disabled"] == "yes",
            last_login_at=float(seen) if seen is not None else None,
        )
    except (KeyError, ValueError) as error:
        _log.warning("user_unreadable", user=name, error=str(error))
        return None
