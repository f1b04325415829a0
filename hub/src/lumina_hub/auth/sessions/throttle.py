"""Slowing down who guesses passwords: for a user's name and for a client's address, each with a count of its own."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass

from lumina_core.drivers.redis_client import RedisClient
from lumina_hub.errors import Throttled

__all__ = ["ADDRESS", "USER", "Limit", "LoginThrottle", "network_of"]

_KEY = "auth:throttle:{}:{}"

# An attempt is counted before it is made, so that many at once are not all "the first". KEYS: one per limit. ARGV: now,
# how long to remember, then per limit how many attempts are free and the longest wait.
_TAKE = """
for i = 1, #KEYS do
  local wait = tonumber(redis.call('HGET', KEYS[i], 'until') or '0') - tonumber(ARGV[1])
  if wait > 0 then return tostring(wait) end
end
for i = 1, #KEYS do
  local tried = redis.call('HINCRBY', KEYS[i], 'tried', 1)
  local over = tried - tonumber(ARGV[1 + 2 * i])
  if over > 0 then
    local wait = math.min(2 ^ math.min(over - 1, 30), tonumber(ARGV[2 + 2 * i]))
    redis.call('HSET', KEYS[i], 'until', tostring(tonumber(ARGV[1]) + wait))
  end
  redis.call('EXPIRE', KEYS[i], ARGV[2])
end
return '0'
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` attempts cost nothing; after each one more the wait doubles, from one second to `longest_s`."""

    kind: str
    free: int
    longest_s: float


USER = Limit("user", free=5, longest_s=300.0)
ADDRESS = Limit("address", free=20, longest_s=900.0)
_REMEMBERED_S = 24 * 3600


class LoginThrottle:
    """Every method raises `RedisDown`: nobody logs in with a password while attempts cannot be counted."""

    def __init__(self, redis: RedisClient, *, clock: Callable[[], float]) -> None:
        self._redis = redis
        self._clock = clock

    async def take(self, keys: dict[Limit, str]) -> None:
        """Count an attempt that is about to be made.

        Raises:
            Throttled: it must not be made yet.
        """
        limits = [number for limit in keys for number in (limit.free, limit.longest_s)]
        arguments = [repr(self._clock()), _REMEMBERED_S, *limits]
        names = [_KEY.format(limit.kind, value) for limit, value in keys.items()]
        wait_s = float(await self._redis.eval(_TAKE, len(names), *names, *map(str, arguments)))
        if wait_s > 0:
            raise Throttled(math.ceil(wait_s))

    async def succeeded(self, keys: dict[Limit, str]) -> None:
        """The attempt was right: it does not count. A user's count begins anew; an address keeps its other ones."""
        async with self._redis.pipeline(transaction=True) as pipe:
            for limit, value in keys.items():
                name = _KEY.format(limit.kind, value)
                if limit is USER:
                    pipe.delete(name)
                else:
                    pipe.hincrby(name, "tried", -1)
                    pipe.hdel(name, "until")
                    pipe.expire(name, _REMEMBERED_S)
            await pipe.execute()


def network_of(address: str) -> str:
    """What stands for a client: an IPv4 address, an IPv6 network of 64 bits, whatever is neither as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
