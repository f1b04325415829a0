"""Small values by key, in Redis, each owner's apart: versioned, expiring, and within a quota."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import Conflict, NotFound, QuotaFull

__all__ = ["StoredValue", "ValueStore"]

# KEYS: values (hash, key to [version, expiry, size, JSON text]), names (sorted set, all of score 0), expiries (sorted
# set, key by the second it ends), bytes (a number). ARGV: now. Expiring is ours, so that names and bytes stay right.
_EXPIRE = """
local function remove(key)
  local old = redis.call('HGET', KEYS[1], key)
  if not old then return false end
  redis.call('DECRBY', KEYS[4], cjson.decode(old)[3])
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
  return true
end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])) do remove(key) end
"""
_GET = _EXPIRE + "return redis.call('HGET', KEYS[1], ARGV[2])"
_DELETE = _EXPIRE + "return remove(ARGV[2]) and 1 or 0"
_LIST = _EXPIRE + "return redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])"
# ARGV goes on: key, JSON text, size, expiry or '', version wanted or '', quota. Gives the version and the expiry, or
# {-1, version} where another version is there, or {-2, bytes used} where there is no room.
_PUT = (
    _EXPIRE
    + """
local old = redis.call('HGET', KEYS[1], ARGV[2])
local version, held = 0, 0
if old then
  local was = cjson.decode(old)
  version, held = was[1], was[3]
end
if ARGV[6] ~= '' and tonumber(ARGV[6]) ~= version then return {-1, version} end
local used = tonumber(redis.call('GET', KEYS[4]) or '0')
if used - held + tonumber(ARGV[4]) > tonumber(ARGV[7]) then return {-2, used} end
redis.call('INCRBY', KEYS[4], tonumber(ARGV[4]) - held)
redis.call('HSET', KEYS[1], ARGV[2], cjson.encode({version + 1, ARGV[5], tonumber(ARGV[4]), ARGV[3]}))
redis.call('ZADD', KEYS[2], 0, ARGV[2])
if ARGV[5] == '' then redis.call('ZREM', KEYS[3], ARGV[2]) else redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2]) end
return {version + 1, 0}
"""
)


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value as it is kept. `version` is 1 for a new key and grows with each write; `expires_at` is epoch seconds."""

    key: str
    value: Any
    version: int
    expires_at: float | None


class ValueStore:
    """Every method raises `RedisDown` when Redis does not answer and `StorageFull` when it has no room. A value is on
    the disk when `put` returns.

    Args:
        quota_bytes: The most all keys and values of one owner may take, as JSON.
    """

    def __init__(self, redis: RedisClient, *, quota_bytes: int, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._quota_bytes = quota_bytes
        self._now = now

    async def get(self, owner: str, key: str) -> StoredValue:
        """Raises `NotFound`."""
        text = await self._eval(_GET, owner, key)
        if text is None:
            raise _missing(key)
        version, expiry, _, value = msgspec.json.decode(text, type=tuple[int, str, int, str])
        return StoredValue(key, msgspec.json.decode(value), version, float(expiry) if expiry else None)

    async def put(
        self, owner: str, key: str, value: Any, *, ttl_s: float | None = None, if_version: int | None = None
    ) -> StoredValue:
        """Keep a value in place of what is there.

        Args:
            owner: Whose it is.
            key: Its name.
            value: Anything JSON can say.
            ttl_s: When to forget it; None for never.
            if_version: Keep it only if this version is there now, 0 meaning none at all.

        Raises:
            Conflict: Another version is there.
            QuotaFull: The owner's quota has no room for it.
        """
        text = msgspec.json.encode(value).decode()
        size = len(text.encode()) + len(key.encode())
        expires_at = None if ttl_s is None else self._now() + ttl_s
        expiry = "" if expires_at is None else repr(expires_at)
        wanted = "" if if_version is None else if_version
        version, found = await self._eval(_PUT, owner, key, text, size, expiry, wanted, self._quota_bytes)
        if version == -1:
            there = f"version {found}" if found else "nothing"
            raise Conflict(
                f"{key!r} has {there}, not version {if_version}",
                hint="Read it again and decide anew: somebody else wrote it meanwhile.",
            )
        if version == -2:
            raise QuotaFull(
                f"{found:,} of {self._quota_bytes:,} bytes of values are used, and {key!r} needs {size:,}",
                hint="Delete values, or keep large ones as files.",
            )
        return StoredValue(key, value, int(version), expires_at)

    async def delete(self, owner: str, key: str) -> None:
        """Raises `NotFound`."""
        if not await self._eval(_DELETE, owner, key):
            raise _missing(key)

    async def keys(
        self, owner: str, *, prefix: str = "", limit: int = 100, after: str | None = None
    ) -> tuple[list[str], str | None]:
        """Keys that begin so, in the order of their bytes, and the cursor of the next page, None on the last."""
        start = f"({after}" if after is not None and after >= prefix else f"[{prefix}"
        end = f"({prefix[:-1]}{chr(ord(prefix[-1]) + 1)}" if prefix else "+"
        found = list(await self._eval(_LIST, owner, start, end, limit + 1))
        return found[:limit], found[limit - 1] if len(found) > limit else None

    async def clear(self, owner: str) -> None:
        """Forget everything of one owner."""
        await self._redis.delete(*_keys(owner))

    async def _eval(self, script: str, owner: str, *arguments: Any) -> Any:
        keys = _keys(owner)
        return await self._redis.eval(script, len(keys), *keys, repr(self._now()), *arguments)


def _keys(owner: str) -> Sequence[str]:
    return tuple(f"values:{part}:{owner}" for part in ("all", "names", "expiries", "bytes"))


def _missing(key: str) -> NotFound:
    return NotFound(f"there is no value {key!r}", hint="It was never kept, was deleted, or has expired.")
