from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from lumina_hub.cli.failures import TERMINATED, Failure
from lumina_hub.cli.running import run


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """A shell starts what it puts into the background with Ctrl-C ignored, and these tests inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_command_returns_what_its_work_returns() -> None:
    async def work() -> int:
        return 7

    assert run(work()) == 7


def test_being_terminated_closes_what_was_opened() -> None:
    closed = False

    async def work() -> None:
        nonlocal closed
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            closed = True

    with pytest.raises(Failure) as stopped:
        run(work())

    assert stopped.value.status == TERMINATED
    assert closed


def test_ctrl_c_comes_out_as_an_interrupt() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        run(work())


def test_work_may_say_how_to_go_on() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Failure("Stopped.", hint="Go on.", status=130) from None

    with pytest.raises(Failure) as stopped:
        run(work())

    assert stopped.value.hint == "Go on."
