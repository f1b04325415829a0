"""Stores to test: an index process shared by the session, and the client library's local mode or a real server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import CollectionSpec, Point, SparseVector, VectorStore
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.drivers.vector_stores.server import ServerStore

_DIM = 16
_numbers = count()

MakePoint = Callable[..., Point]


@pytest.fixture(scope="session")
def edge_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where one index process, shared by the tests that do not hurt it, listens."""
    with asyncio.Runner() as runner:
        store = runner.run(EdgeStore.start(tmp_path_factory.mktemp("edge") / "index"))
        yield store.socket
        runner.run(store.close())


@pytest.fixture(params=["edge", "server"])
async def store(request: pytest.FixtureRequest, edge_socket: Path) -> AsyncIterator[VectorStore]:
    """The store under contract. `LUMINA_TEST_QDRANT_URL` names a real server to take instead of the local mode."""
    made: VectorStore
    if request.param == "edge":
        made = await EdgeStore.connect(edge_socket)
    else:
        made = ServerStore(os.environ.get("LUMINA_TEST_QDRANT_URL", ":memory:"), prefix=f"test{os.getpid()}_")
    yield made
    await made.close()


@pytest.fixture
async def spec(store: VectorStore) -> AsyncIterator[CollectionSpec]:
    """A collection made for one test, with everything a collection can have."""
    made = CollectionSpec(
        f"chunks{next(_numbers)}",
        dim=_DIM,
        sentences=True,
        keyword_fields=("article", "source"),
        number_fields=("ts",),
        compared=("ts", "article"),
    )
    await store.ensure(made)
    yield made
    await store.drop(made.name)


@pytest.fixture
def make_point() -> MakePoint:
    return make_random_point


def make_random_point(number: int, **payload: Any) -> Point:
    """The same point for the same number: unit vectors, three sentences, a few terms."""
    rng = np.random.default_rng(number)
    terms = np.unique(rng.integers(0, 50, 12)).astype(np.uint32)
    return Point(
        f"art_0123456789ab#{number}",
        unit(rng.standard_normal(_DIM)),
        {"article": f"a{number % 3}", "source": "test", "ts": float(number), "text": f"text {number}", **payload},
        np.stack([unit(rng.standard_normal(_DIM)) for _ in range(3)]),
        SparseVector(terms, rng.uniform(0.5, 2, len(terms)).astype(np.float32)),
    )


def unit(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
