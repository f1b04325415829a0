"""Opening several things at once that are closed one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

__all__ = ["enter_together"]


async def enter_together(stack: AsyncExitStack, managers: Sequence[AbstractAsyncContextManager[Any]]) -> list[Any]:
    """Enter all managers at once; `stack` leaves them one by one, the last one first.

    Where some fail the others are still handed to `stack`, so that it closes them, and the first failure in the order
    given is raised. The same holds when the caller is cancelled meanwhile.
    """
    entering = [asyncio.ensure_future(manager.__aenter__()) for manager in managers]
    try:
        await asyncio.wait(entering)
    except asyncio.CancelledError:
        for task in entering:
            task.cancel()
        await asyncio.wait(entering)
        raise
    finally:
        for manager, task in zip(managers, entering, strict=True):
            if task.done() and not task.cancelled() and task.exception() is None:
                stack.push_async_exit(manager)
    return [task.result() for task in entering]
