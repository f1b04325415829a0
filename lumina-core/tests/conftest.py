"""A real Redis and a time that moves when told to, for whoever needs them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.drivers.redis_server import RedisServer


class Clock:
    """Epoch seconds that pass when told to."""

    def __init__(self) -> None:
        self.s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with asyncio.Runner() as runner:
        server = runner.run(RedisServer.start(tmp_path_factory.mktemp("redis")))
        yield server.url
        runner.run(server.stop())


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = connect_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def arrivals(redis: RedisClient) -> AsyncIterator[Arrivals]:
    async with Arrivals.open(redis) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()
