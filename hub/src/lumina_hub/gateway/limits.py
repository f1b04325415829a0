"""How often one principal may call one endpoint."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

__all__ = ["RateLimit"]

_MOST_PRINCIPALS = 10_000


class RateLimit:
    """A token bucket for each principal, as large as a minute's calls and filled again over a minute.

    Of more than 10,000 principals the one that called least recently is forgotten.
    """

    __slots__ = ("_buckets", "_now", "_per_s", "per_min")

    def __init__(self, per_min: int, now: Callable[[], float]) -> None:
        """`now` is a clock in seconds that never goes back."""
        self.per_min = per_min
        self._per_s = per_min / 60
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, principal: str) -> float:
        """Take a token. 0 if there was one; else in how many seconds there will be."""
        now = self._now()
        left, since = self._buckets.get(principal, (float(self.per_min), now))
        left = min(float(self.per_min), left + (now - since) * self._per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[principal] = (left - 1 if left >= 1 else left, now)
        self._buckets.move_to_end(principal)
        if len(self._buckets) > _MOST_PRINCIPALS:
            self._buckets.popitem(last=False)
        return wait_s
