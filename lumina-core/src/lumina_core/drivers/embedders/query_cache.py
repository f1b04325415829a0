"""A bounded memory of the vectors of recent queries."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from lumina_core.drivers.embedder import Vectors

__all__ = ["QueryCache"]

_OVERHEAD_BYTES: Final = 300


class QueryCache:
    """The least recently used query leaves first. Safe between threads; vectors come out as copies.

    A question is embedded for search and for recall at the same time: the second to ask waits for the first.
    """

    def __init__(self, limit_bytes: int = 4 << 20) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._under_way: dict[str, Future[Vectors]] = {}
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def get_or_embed(self, text: str, embed: Callable[[str], Vectors]) -> Vectors:
        """The vector as kept, or as `embed` makes it; of several threads that ask at the same time one embeds. Raises
        what `embed` raises, in all of them."""
        vector = self.get(text)
        if vector is not None:
            return vector
        with self._lock:
            waiting = self._under_way.get(text)
            mine: Future[Vectors] = Future()
            if waiting is None:
                self._under_way[text] = mine
        if waiting is not None:
            return waiting.result().copy()
        try:
            vector = embed(text)
            self.put(text, vector)
            mine.set_result(vector)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._under_way[text]
        return vector.copy()

    def get(self, text: str) -> Vectors | None:
        with self._lock:
            vector = self._vectors.get(text)
            if vector is None:
                return None
            self._vectors.move_to_end(text)
            return vector.copy()

    def put(self, text: str, vector: Vectors) -> None:
        """Keep a vector, unless it alone is larger than the cache."""
        with self._lock:
            self._drop(text)
            if _cost(text, vector) > self._limit_bytes:
                return
            self._vectors[text] = vector.copy()
            self._size_bytes += _cost(text, vector)
            while self._size_bytes > self._limit_bytes:
                self._drop(next(iter(self._vectors)))

    def clear(self) -> None:
        with self._lock:
            self._vectors.clear()
            self._size_bytes = 0

    def _drop(self, text: str) -> None:
        vector = self._vectors.pop(text, None)
        if vector is not None:
            self._size_bytes -= _cost(text, vector)


def _cost(text: str, vector: Vectors) -> int:
    return 4 * len(text) + vector.nbytes + _OVERHEAD_BYTES
