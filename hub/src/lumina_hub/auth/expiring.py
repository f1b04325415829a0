"""A bounded map whose entries end by themselves."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["ExpiringMap"]

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class ExpiringMap(Generic[_K, _V]):
    """Remembers at most `size` values. Where there is no room the one put in first goes.

    Args:
        size: How many entries there may be.
        ticks: Seconds that only go forward, as of `time.monotonic`.
    """

    def __init__(self, size: int, ticks: Callable[[], float]) -> None:
        self._size = size
        self._ticks = ticks
        self._entries: dict[_K, tuple[float, _V]] = {}

    def get(self, key: _K) -> _V | None:
        """The value; None where there is none or its time is over."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._ticks() < entry[0]:
            return entry[1]
        del self._entries[key]
        return None

    def put(self, key: _K, value: _V, *, for_s: float) -> None:
        entries = self._entries
        entries.pop(key, None)
        while len(entries) >= self._size:
            del entries[next(iter(entries))]
        entries[key] = (self._ticks() + for_s, value)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
