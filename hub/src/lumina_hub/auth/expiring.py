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
        clock: The present, in seconds, on the scale of the `until` given to `put`.
    """

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._entries: dict[_K, tuple[float, _V]] = {}

    def get(self, key: _K) -> _V | None:
        """The value; None where there is none or its time is over."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() < entry[0]:
            return entry[1]
        del self._entries[key]
        return None

    def put(self, key: _K, value: _V, *, until: float) -> None:
        entries = self._entries
        entries.pop(key, None)
        while len(entries) >= self._size:
            del entries[next(iter(entries))]
        entries[key] = (until, value)

    def clear(self) -> None:
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
