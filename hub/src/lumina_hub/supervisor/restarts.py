"""When a process that ended is started again, and when no more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Pace", "RestartPolicy"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the supervisor is, in seconds.

    `first_backoff_s` doubles with each failure up to `last_backoff_s`. `crashes` within `crash_window_s` are a crash
    loop. A process that lived for `steady_s` is started again as if it had never failed.
    """

    ready_s: float = 30.0
    poll_s: float = 0.05
    stop_s: float = 10.0
    health_every_s: float = 10.0
    health_timeout_s: float = 5.0
    health_failures: int = 3
    sample_every_s: float = 2.0
    first_backoff_s: float = 0.5
    last_backoff_s: float = 30.0
    crashes: int = 5
    crash_window_s: float = 120.0
    steady_s: float = 60.0


class RestartPolicy:
    def __init__(self, pace: Pace, *, now: Callable[[], float], jitter: Callable[[], float]) -> None:
        """
        Args:
            pace: See there.
            now: A clock in seconds that never goes back.
            jitter: Gives numbers in [0, 1): modules that fell together do not rise together.
        """
        self._pace = pace
        self._now = now
        self._jitter = jitter
        self._crashes: deque[float] = deque(maxlen=pace.crashes)
        self._failures = 0

    def after(self, lived_s: float) -> float | None:
        """Count an end; return how many seconds to wait before the next start, or None for a crash loop."""
        pace, now = self._pace, self._now()
        if lived_s >= pace.steady_s:
            self._failures = 0
            self._crashes.clear()
        self._crashes.append(now)
        if len(self._crashes) == pace.crashes and now - self._crashes[0] <= pace.crash_window_s:
            return None
        wait_s = min(pace.last_backoff_s, pace.first_backoff_s * 2.0**self._failures)
        self._failures += 1
        return wait_s * (0.75 + self._jitter() / 2)

    def forget(self) -> None:
        """Begin anew."""
        self._failures = 0
        self._crashes.clear()
