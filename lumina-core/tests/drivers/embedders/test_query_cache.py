from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
