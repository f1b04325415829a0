"""Leaving a failing endpoint alone for a while."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Breaker"]

_FAILURES = 5
_FIRST_PAUSE_S = 1.0
_LAST_PAUSE_S = 30.0


class Breaker:
    """Closed until five calls in a row have failed, then open for a pause, then half-open: one call is let through, and
    what becomes of it decides. Each further failure doubles the pause, up to 30 s.

    A failure is a module that was not there, not in time or not HTTP. An answer with any status is none.
    """

    __slots__ = ("_failures", "_now", "_opened_until", "_pause_s", "_probing")

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is a clock in seconds that never goes back."""
        self._now = now
        self._failures = 0
        self._pause_s = _FIRST_PAUSE_S
        self._opened_until: float | None = None
        self._probing = False

    @property
    def is_closed(self) -> bool:
        return self._opened_until is None

    def admit(self) -> float:
        """0 to go on, which `succeeded`, `failed` or `abandoned` must follow; else how many seconds to stay away."""
        if self._opened_until is None:
            return 0.0
        left_s = self._opened_until - self._now()
        if left_s > 0:
            return left_s
        if self._probing:
            return _FIRST_PAUSE_S
        self._probing = True
        return 0.0

    def succeeded(self) -> None:
        if self._opened_until is None:
            self._failures = 0
        elif self._probing:  # an answer that came late, to a call from before, does not close it
            self._failures = 0
            self._pause_s = _FIRST_PAUSE_S
            self._opened_until = None
            self._probing = False

    def failed(self) -> bool:
        """Count a failure; True if it opened the breaker."""
        if self._opened_until is not None:
            if self._probing:
                self._probing = False
                self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
                self._opened_until = self._now() + self._pause_s
            return False
        self._failures += 1
        if self._failures < _FAILURES:
            return False
        self._opened_until = self._now() + self._pause_s
        return True

    def abandoned(self) -> None:
        """The caller went away before there was an answer."""
        self._probing = False
