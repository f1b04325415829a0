from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.drivers.redis_server import RedisServer
from lumina_core.errors import RedisDown
from lumina_core.events.event import Event
from lumina_core.events.streams import EventStreams, Reader
from lumina_core.queues.queue import CRAWL_QUEUE, WorkQueues

BOUND_S = 60


async def told(arrivals: Arrivals) -> None:
    async with asyncio.timeout(BOUND_S):
        while not arrivals.is_told:  # noqa: ASYNC110 - polled, for there is no event
            await asyncio.sleep(0.01)


async def test_a_watch_is_set_by_its_own_keys_only(redis: RedisClient, arrivals: Arrivals) -> None:
    await told(arrivals)
    async with asyncio.timeout(BOUND_S), arrivals.watch("one") as one, arrivals.watch("other", "third") as other:
        waiting = [asyncio.create_task(watch.wait(BOUND_S * 10)) for watch in (one, other)]
        await redis.zadd("third", {"a": 1})
        await waiting[1]

        assert not waiting[0].done()
        await redis.xadd("one", {"a": "1"})
        await waiting[0]


async def test_what_others_asked_redis_to_tell_stays(redis: RedisClient) -> None:
    await redis.config_set("notify-keyspace-events", "Ex")
    async with Arrivals.open(redis) as arrivals:
        await told(arrivals)

    held = await redis.config_get("notify-keyspace-events")
    assert set(held["notify-keyspace-events"]) >= set("EKxzt")


@pytest.mark.processes
async def test_who_waits_is_served_again_after_redis_was_killed(tmp_path: Path) -> None:
    server = await RedisServer.start(tmp_path / "redis")
    client = server.client()
    reader = Reader("module:a")
    async with Arrivals.open(client) as arrivals, asyncio.timeout(BOUND_S):
        queues, streams = WorkQueues(client, arrivals), EventStreams(client, arrivals)
        await streams.read(reader, ["graph:add"])
        await queues.add(CRAWL_QUEUE, {"held": 1})
        (held,) = await queues.take(CRAWL_QUEUE, lease_s=3600)
        await streams.publish([Event("a", "graph:add", 1.0)])
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)

        async def patiently(read: object) -> object:
            while True:
                try:
                    return await read()  # type: ignore[operator]
                except RedisDown:
                    await asyncio.sleep(0.05)

        assert await patiently(lambda: queues.settle(CRAWL_QUEUE, done=[held.receipt]))
        given = await patiently(lambda: streams.read(reader, ["graph:add"]))
        assert [delivery.event.id for delivery in given] == ["a"]  # type: ignore[attr-defined]
        waiting = asyncio.create_task(queues.take(CRAWL_QUEUE, wait_s=BOUND_S * 10))
        await queues.add(CRAWL_QUEUE, {"new": 1})
        assert [item.item for item in await waiting] == ["new"]
    await client.aclose()
    await server.stop()


async def test_without_redis_everything_says_so(tmp_path: Path) -> None:
    nobody = connect_redis(f"unix://{tmp_path / 'nobody.sock'}", patience_s=0.0)
    async with Arrivals.open(nobody) as arrivals:
        for call in (
            WorkQueues(nobody, arrivals).take(CRAWL_QUEUE, wait_s=BOUND_S),
            EventStreams(nobody, arrivals).read(Reader("module:a"), ["graph:add"], wait_s=BOUND_S),
            EventStreams(nobody, arrivals).publish([Event("a", "graph:add", 1.0)]),
        ):
            with pytest.raises(RedisDown):
                await call
    await nobody.aclose()
