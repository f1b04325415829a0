"""When a request is tried again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Retries"]

_PASSING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """Up to `attempts` tries, `first_s` apart at first and twice that each time, up to `longest_s`.

    Each pause is drawn at random from nothing to its length, so that many clients do not come back at the same moment.
    `attempts=1` tries once.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
    """

    attempts: int = 4
    first_s: float = 0.2
    longest_s: float = 5.0
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)

    def passes(self, status: int) -> bool:
        """Whether a response of this status is worth another try."""
        return status in _PASSING

    async def pause(self, attempt: int, *, asked_s: float | None = None) -> None:
        """Wait after the `attempt`th try, counted from 1; at least as long as the hub asked for, within `longest_s`."""
        drawn = min(self.longest_s, self.first_s * 2 ** (attempt - 1)) * self.draw()
        await self.sleep(min(self.longest_s, max(drawn, asked_s or 0)))
