from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.drivers.embedder import Vectors
from lumina_core.drivers.embedders.query_cache import QueryCache

VECTOR = np.ones(8, np.float32)


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(0, 3000))
def test_the_cache_never_outgrows_its_bound(queries: list[str], limit_bytes: int) -> None:
    cache = QueryCache(limit_bytes)

    for query in queries:
        cache.put(query, VECTOR)
        assert 0 <= cache.size_bytes <= limit_bytes


def test_the_least_recently_used_query_leaves_first() -> None:
    cache = QueryCache(800)
    cache.put("a", VECTOR)
    cache.put("b", VECTOR)
    assert cache.get("a") is not None

    cache.put("c", VECTOR)

    assert cache.get("b") is None
    assert cache.get("a") is not None


def test_clearing_forgets_everything() -> None:
    cache = QueryCache()
    cache.put("a", VECTOR)

    cache.clear()

    assert cache.get("a") is None
    assert cache.size_bytes == 0


def test_a_query_asked_for_by_many_at_once_is_embedded_once() -> None:
    cache, begun, go_on = QueryCache(), threading.Event(), threading.Event()
    asked: list[str] = []

    def embed(text: str) -> Vectors:
        asked.append(text)
        begun.set()
        go_on.wait()
        return VECTOR

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.get_or_embed, "a", embed)
        begun.wait()
        others = [threads.submit(cache.get_or_embed, "a", embed) for _ in range(3)]
        go_on.set()
        vectors = [each.result() for each in (first, *others)]

    assert asked == ["a"]
    assert all((vector == VECTOR).all() for vector in vectors)
    assert len({id(vector) for vector in vectors}) == 4


def test_a_query_that_failed_is_tried_again() -> None:
    cache = QueryCache()

    def fail(text: str) -> Vectors:
        raise ValueError(text)

    with pytest.raises(ValueError, match="a"):
        cache.get_or_embed("a", fail)

    assert (cache.get_or_embed("a", lambda text: VECTOR) == VECTOR).all()
