"""Priority queues in Redis: sorted sets a person can read and write with `redis-cli`, and leases on what was taken.

A queue of the core is the sorted set of its own name (`crawl:queue`), one of a module's that of `queue:<name>`. What is
taken leaves the set and is held until its lease ends; then it is put back with the priority it had.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import Conflict

__all__ = ["CRAWL_QUEUE", "GAP_TOPICS", "QueueCount", "Settled", "Taken", "WorkQueues", "queue_key"]

CRAWL_QUEUE = "crawl:queue"
GAP_TOPICS = "gaps:topics"
_CORE = (CRAWL_QUEUE, GAP_TOPICS)
_NAMES = "queues:names"
_LONGEST_WAIT_S = 3600.0

# What is held is in four keys: leases (sorted set, item by the second its lease ends), holds (hash, item to receipt and
# priority), attempts (hash, item to how often it was taken) and receipts (hash, receipt to item). They change with the
# queue in one script, so a crash finds all of it or none.
_RETURN_EXPIRED = """
local function give_back(item)
  local hold = redis.call('HGET', KEYS[3], item)
  if hold then
    local held = cjson.decode(hold)
    redis.call('ZADD', KEYS[1], 'NX', held[2], item)
    redis.call('HDEL', KEYS[5], held[1])
  end
  redis.call('ZREM', KEYS[2], item)
  redis.call('HDEL', KEYS[3], item)
end
for _, item in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])) do give_back(item) end
"""
_TAKE = (
    _RETURN_EXPIRED
    + """
local limit, taken, start = tonumber(ARGV[3]), {}, 0
while #taken < limit do
  local page = redis.call('ZRANGE', KEYS[1], start, start + 127, 'WITHSCORES')
  if #page == 0 then break end
  for i = 1, #page, 2 do
    if #taken >= limit then break end
    local item, priority = page[i], page[i + 1]
    if redis.call('HEXISTS', KEYS[3], item) == 1 then
      start = start + 1  -- added again while it is held: its turn comes once that is settled
    else
      local receipt = ARGV[4 + #taken]
      local attempt = redis.call('HINCRBY', KEYS[4], item, 1)
      redis.call('ZREM', KEYS[1], item)
      redis.call('HSET', KEYS[3], item, cjson.encode({receipt, priority}))
      redis.call('ZADD', KEYS[2], ARGV[2], item)
      redis.call('HSET', KEYS[5], receipt, item)
      taken[#taken + 1] = {item, priority, receipt, attempt}
    end
  end
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {taken, first[2] or ''}
"""
)
_SETTLE = (
    _RETURN_EXPIRED
    + """
local done, unknown = {}, {}
for i = 2, #ARGV do
  local receipt, is_done = string.sub(ARGV[i], 2), string.sub(ARGV[i], 1, 1) == '+'
  local item = redis.call('HGET', KEYS[5], receipt)
  local hold = item and redis.call('HGET', KEYS[3], item)
  redis.call('HDEL', KEYS[5], receipt)
  if not hold or cjson.decode(hold)[1] ~= receipt then
    unknown[#unknown + 1] = receipt
  elseif is_done then
    redis.call('ZREM', KEYS[2], item)
    redis.call('HDEL', KEYS[3], item)
    redis.call('HDEL', KEYS[4], item)
    done[#done + 1] = receipt
  else
    give_back(item)
    done[#done + 1] = receipt
  end
end
return {done, unknown}
"""
)


@dataclass(frozen=True, slots=True)
class Taken:
    """An item held for the `attempt`th time, counted from 1. `lease_until` is epoch seconds."""

    item: str
    priority: float
    receipt: str
    attempt: int
    lease_until: float


@dataclass(frozen=True, slots=True)
class Settled:
    """The receipts that counted, and those whose lease had ended or that nobody ever had."""

    done: tuple[str, ...]
    back: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueCount:
    """A queue: how many items wait, and how many are held."""

    name: str
    depth: int
    held: int


class WorkQueues:
    """Every queue of one Redis. Every method raises `RedisDown` when it does not answer, `StorageFull` when it has no
    room, and `Conflict` where a key of the queue's name is no sorted set. What was acknowledged is on the disk."""

    def __init__(
        self,
        redis: RedisClient,
        arrivals: Arrivals,
        *,
        now: Callable[[], float] = time.time,
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._redis = redis
        self._arrivals = arrivals
        self._now = now
        self._random_hex = random_hex

    async def add(self, queue: str, items: Mapping[str, float], *, keep_priority: bool = False) -> tuple[int, int]:
        """Put items in, by priority; one that waits already gets the new one, unless `keep_priority`.

        Returns:
            How many are new, and how many wait now.
        """
        async with self._redis.pipeline(transaction=True) as pipe:
            if queue not in _CORE:
                pipe.sadd(_NAMES, queue)
            pipe.zadd(queue_key(queue), dict(items), nx=keep_priority)
            pipe.zcard(queue_key(queue))
            *_, added, depth = await self._run(queue, pipe.execute())
        return int(added), int(depth)

    async def take(self, queue: str, *, limit: int = 1, lease_s: float = 60, wait_s: float = 0) -> list[Taken]:
        """Take the most urgent items, waiting up to `wait_s` for the first. Nobody else is given them before their
        leases end. An item that is added again while it is held waits until it is settled."""
        if wait_s <= 0:
            return (await self._take(queue, limit, lease_s))[0]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        async with self._arrivals.watch(queue_key(queue)) as watch:
            while True:
                taken, next_end = await self._take(queue, limit, lease_s)
                left_s = deadline - loop.time()
                if taken or left_s <= 0 or self._arrivals.is_released:
                    return taken
                until_return_s = _LONGEST_WAIT_S if next_end is None else max(0.01, next_end - self._now())
                await watch.wait(min(left_s, until_return_s))

    async def settle(self, queue: str, *, done: Iterable[str] = (), back: Iterable[str] = ()) -> Settled:
        """Say what became of items taken, by receipt: `done` are gone for good, `back` wait again as before. A receipt
        counts until its lease ends; settling one twice finds it unknown."""
        done, back = tuple(dict.fromkeys(done)), tuple(dict.fromkeys(back))
        marks = [f"+{receipt}" for receipt in done] + [f"-{receipt}" for receipt in back if receipt not in done]
        keys = _keys(queue)
        reply = await self._run(queue, self._redis.eval(_SETTLE, len(keys), *keys, repr(self._now()), *marks))
        counted, unknown = set(reply[0]), tuple(reply[1])
        return Settled(
            done=tuple(receipt for receipt in done if receipt in counted),
            back=tuple(receipt for receipt in back if receipt in counted and receipt not in done),
            unknown=unknown,
        )

    async def waiting(self, queue: str, limit: int) -> tuple[list[tuple[str, float]], int]:
        """The most urgent items with their priorities, and how many wait in all. Nothing is taken."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrange(queue_key(queue), 0, limit - 1, withscores=True)
            pipe.zcard(queue_key(queue))
            items, depth = await self._run(queue, pipe.execute())
        return [(item, _finite(priority)) for item, priority in items], int(depth)

    async def counts(self) -> list[QueueCount]:
        """The core's queues and every other one that something was put into, by name."""
        others: Any = await self._redis.smembers(_NAMES)
        names = sorted({*_CORE, *others})
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zcard(queue_key(name))
                pipe.zcard(_keys(name)[1])
            numbers = await self._run("*", pipe.execute())
        return [QueueCount(name, int(numbers[2 * i]), int(numbers[2 * i + 1])) for i, name in enumerate(names)]

    async def _take(self, queue: str, limit: int, lease_s: float) -> tuple[list[Taken], float | None]:
        now = self._now()
        until = now + lease_s
        receipts = [self._random_hex(12) for _ in range(limit)]
        keys = _keys(queue)
        arguments: tuple[Any, ...] = (repr(now), repr(until), limit, *receipts)
        reply = await self._run(queue, self._redis.eval(_TAKE, len(keys), *keys, *arguments))
        taken = [
            Taken(item, _finite(priority), receipt, int(attempt), until)
            for item, priority, receipt, attempt in reply[0]
        ]
        return taken, float(reply[1]) if reply[1] else None

    async def _run(self, queue: str, command: Any) -> Any:
        try:
            return await command
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            raise Conflict(
                f"the key of the queue {queue!r} in Redis is no sorted set",
                hint=f"Look at it with `redis-cli TYPE {queue_key(queue)}` and rename or delete it.",
            ) from error


def queue_key(queue: str) -> str:
    """The sorted set a queue is in Redis. Only the core's have their bare names: no other can meet a key of ours."""
    return queue if queue in _CORE else f"queue:{queue}"


def _finite(priority: str | float) -> float:
    """A person may have typed `inf`, which JSON cannot say."""
    return max(-sys.float_info.max, min(sys.float_info.max, float(priority)))


def _keys(queue: str) -> Sequence[str]:
    return (queue_key(queue), *(f"queues:{part}:{queue}" for part in ("leases", "holds", "attempts", "receipts")))
