"""Running a command that waits for a hub."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from lumina_hub.cli.failures import TERMINATED, Failure

__all__ = ["run"]

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end. Ctrl-C and SIGTERM cancel the work, which then says how to go on and closes what it opened.

    Raises:
        Failure: SIGTERM ended it.
        KeyboardInterrupt: Ctrl-C did, and the work had nothing to say about that.
    """
    return asyncio.run(_until_terminated(work))


async def _until_terminated(work: Coroutine[Any, Any, Result]) -> Result:
    task = asyncio.current_task()
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await work
    except asyncio.CancelledError:
        if terminated:
            raise Failure("Stopped.", status=TERMINATED) from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
