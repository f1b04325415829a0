"""Time that passes when a test says so."""

from __future__ import annotations

__all__ = ["FakeClock"]


class FakeClock:
    """Epoch seconds. Call it for the time."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._now = now

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
