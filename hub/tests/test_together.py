from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest

from lumina_hub.together import enter_together


class Diary:
    """Notes what is opened and closed."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @asynccontextmanager
    async def part(self, name: str, opens: asyncio.Event | None = None) -> AsyncIterator[str]:
        if opens is not None:
            await opens.wait()
        self.events.append(f"open {name}")
        try:
            yield name
        finally:
            self.events.append(f"close {name}")

    @asynccontextmanager
    async def broken(self, error: Exception) -> AsyncIterator[str]:
        raise error
        yield ""


async def test_all_are_opened_at_once_and_closed_the_last_one_first() -> None:
    diary, late = Diary(), asyncio.Event()

    @asynccontextmanager
    async def opener() -> AsyncIterator[str]:
        late.set()  # the first one waits for this: one after the other would never end
        yield "b"

    async with AsyncExitStack() as stack:
        assert await enter_together(stack, [diary.part("a", late), opener(), diary.part("c")]) == ["a", "b", "c"]

    assert diary.events[-2:] == ["close c", "close a"]


async def test_what_was_opened_beside_a_failure_is_closed_and_the_failure_is_raised() -> None:
    diary = Diary()
    parts: list[AbstractAsyncContextManager[str]] = [
        diary.part("a"),
        diary.broken(ValueError("no")),
        diary.part("c"),
    ]

    with pytest.raises(ValueError, match="no"):
        async with AsyncExitStack() as stack:
            await enter_together(stack, parts)

    assert sorted(diary.events) == ["close a", "close c", "open a", "open c"]


async def test_a_cancelled_opening_closes_what_was_open_by_then() -> None:
    diary, never, opened = Diary(), asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def witness() -> AsyncIterator[str]:
        opened.set()
        yield "witness"

    async def opening() -> None:
        async with AsyncExitStack() as stack:
            await enter_together(stack, [diary.part("a"), diary.part("b", never), witness()])

    task = asyncio.create_task(opening())
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert diary.events == ["open a", "close a"]
