"""What the indexer has been told, and waiting for it to be told more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from lumina_core.errors import DependencyDown, StorageFull
from lumina_core.indexing.progress import Command, CommandName, IndexerState
from lumina_core.indexing.report import Reporter

__all__ = ["Orders", "Stopped", "patiently"]

_log = structlog.get_logger(__name__)
T = TypeVar("T")

RETRY_FIRST_S = 0.2
RETRY_LAST_S = 10.0


class Stopped(Exception):
    """Told to stop while waiting for something that is down."""


class Orders:
    """The orders in force. For one event loop. `on_busy` is told when searches begin and cease to be answered."""

    def __init__(self, on_busy: Callable[[bool], None] = lambda busy: None) -> None:
        self._on_busy = on_busy
        self._woken = asyncio.Event()
        self.is_busy = False
        self.is_paused = False
        self.is_stopping = False
        self.reindex: str | None = None

    @property
    def interrupts(self) -> bool:
        """Whether work in progress should be left at the next whole batch."""
        return self.is_stopping or self.is_paused or self.reindex is not None

    @property
    def is_woken(self) -> bool:
        """Whether an order came since the last `wait` began."""
        return self._woken.is_set()

    def take(self, command: Command) -> None:
        match command.name:
            case CommandName.BUSY | CommandName.QUIET:
                self.is_busy = command.name is CommandName.BUSY
                self._on_busy(self.is_busy)
                return
            case CommandName.PAUSE | CommandName.RESUME:
                self.is_paused = command.name is CommandName.PAUSE
            case CommandName.REINDEX:
                self.reindex = command.reason or "asked for"
            case CommandName.STOP:
                self.is_stopping = True
            case CommandName.POKE:
                pass
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Until an order has come since the last call, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()


async def patiently(action: Callable[[], Awaitable[T]], *, orders: Orders, reporter: Reporter) -> T:
    """Do it, and again, for as long as something it needs is down or full.

    Raises:
        Stopped: told to stop meanwhile.
    """
    delay_s = RETRY_FIRST_S
    while True:
        try:
            return await action()
        except (DependencyDown, StorageFull) as error:
            _log.warning("indexer_blocked", error=error.message)
            reporter.update(IndexerState.BLOCKED, now=True, error=error.message, hint=error.hint)
        if not orders.is_stopping:
            await orders.wait(delay_s)
        if orders.is_stopping:
            raise Stopped
        delay_s = min(delay_s * 2, RETRY_LAST_S)
