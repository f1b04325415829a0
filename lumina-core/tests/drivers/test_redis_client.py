from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from redis.asyncio import Redis

from lumina_core.drivers.redis_client import connect_redis


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redis-py that answers although its caller was cancelled meanwhile."""

    async def answer(*args: Any, **options: Any) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "PONG"

    monkeypatch.setattr(Redis, "execute_command", answer)


@pytest.mark.usefixtures("deaf")
async def test_a_cancellation_that_got_lost_on_the_way_is_noticed() -> None:
    client = connect_redis("unix:///nowhere")
    went_on = False

    async def work() -> None:
        nonlocal went_on
        await client.execute_command("PING")
        went_on = True

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert not went_on


async def test_what_is_cleaned_up_after_a_cancellation_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*args: Any, **options: Any) -> str:
        await asyncio.sleep(0)
        return "OK"

    monkeypatch.setattr(Redis, "execute_command", answer)
    client = connect_redis("unix:///nowhere")
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(await client.execute_command("DEL", "a"))
            cleaned.append(await client.execute_command("DEL", "b"))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["OK", "OK"]
