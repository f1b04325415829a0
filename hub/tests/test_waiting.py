from __future__ import annotations

import asyncio

import pytest
from fastapi import Request

from lumina_core.errors import RedisDown
from lumina_hub.errors import ClientGone
from lumina_hub.waiting import unless_gone


class Client:
    """A client that stays until it is told to go."""

    def __init__(self) -> None:
        self._leaving = asyncio.Event()
        self.request = Request({"type": "http", "headers": []}, self._receive)

    def go(self) -> None:
        self._leaving.set()

    async def _receive(self) -> dict[str, str]:
        await self._leaving.wait()
        return {"type": "http.disconnect"}


async def test_work_that_ends_is_answered_with_what_it_gave() -> None:
    async def work() -> int:
        return 1

    async def fail() -> int:
        raise RedisDown("away")

    assert await unless_gone(Client().request, work()) == 1
    with pytest.raises(RedisDown):
        await unless_gone(Client().request, fail())


async def test_work_for_a_client_that_went_is_left_off() -> None:
    client = Client()
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(unless_gone(client.request, work()))
    await begun.wait()
    client.go()

    with pytest.raises(ClientGone):
        await waiting
    assert cancelled.is_set()
