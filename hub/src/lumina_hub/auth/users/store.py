"""Users in Redis: `users:<name>`, with a hash of the password that is slow to guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from redis.exceptions import WatchError

from lumina_core.drivers.redis_client import RedisClient
from lumina_sdk.contract import Role

__all__ = ["User", "UserStore"]

_RECORD = "users:{}"
_NAMES = "users"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class User:
    """Times are epoch seconds. A session begun before `sessions_since` has ended."""

    name: str
    role: Role
    password_hash: str
    created_at: float
    sessions_since: float


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
            removed, _ = await pipe.execute()
        return bool(removed)

    async def get(self, name: str) -> User | None:
        return _read(name, await self._redis.hgetall(_RECORD.format(name)))

    async def all(self) -> list[User]:
        """Every user, by name."""
        names = sorted(await self._redis.smembers(_NAMES))
        found = [await self.get(name) for name in names]
        return [user for user in found if user is not None]

    async def _write(self, user: User, *, over: bool) -> bool:
        key = _RECORD.format(user.name)
        record = {
            "role": user.role.value,
            "password_hash": user.password_hash,
            "created_at": repr(user.created_at),
            "sessions_since": repr(user.sessions_since),
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(key)
            if bool(await pipe.exists(key)) is not over:
                return False
            pipe.multi()
            pipe.hset(key, mapping=dict(record))
            pipe.sadd(_NAMES, user.name)
            try:
                await pipe.execute()
            except WatchError:  # somebody else wrote or removed it meanwhile
                return False
        return True


def _read(name: str, record: Mapping[str, str]) -> User | None:
    if not record:
        return None
    try:
        return User(
            name=name,
            role=Role(record["role"]),
            password_hash=record["password_hash"],
            created_at=float(record["created_at"]),
            sessions_since=float(record["sessions_since"]),
        )
    except (KeyError, ValueError) as error:
        _log.warning("user_unreadable", user=name, error=str(error))
        return None
