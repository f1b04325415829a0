"""The seam between us and whatever keeps and searches vectors."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COLLECTIONS",
    "CollectionSpec",
    "Comparison",
    "Filter",
    "Match",
    "Point",
    "Query",
    "Range",
    "Record",
    "SparseVector",
    "StoreHit",
    "StoreInfo",
    "VectorStore",
    "point_uuid",
]

_NAMESPACE = uuid.UUID("6c756d69-6e61-5000-8000-000000000001")


def point_uuid(string_id: str) -> str:
    """UUIDv5 of a string id: what the store knows the point by. The string id stays in the payload, under `id`."""
    return str(uuid.uuid5(_NAMESPACE, string_id))


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term ids (uint32, ascending, unique) and their weights (float32), of equal length."""

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """A collection's name and vectors. `sentences` is a multivector (MaxSim, float16, no HNSW).

    `compared` names the payload fields that `compare` is asked for: a driver may keep them where it reads them fast.
    """

    name: str
    dim: int = 384
    sentences: bool = False
    bm25: bool = True
    keyword_fields: tuple[str, ...] = ()
    number_fields: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()


COLLECTIONS: tuple[CollectionSpec, ...] = (
    CollectionSpec("articles", keyword_fields=("id", "source")),
    CollectionSpec(
        "chunks",
        sentences=True,
        keyword_fields=("article", "source"),
        number_fields=("ts",),
        compared=("title", "section", "start", "terms", "term_counts", "pagerank"),
    ),
    CollectionSpec("chat_long", sentences=True, keyword_fields=("owner", "spot"), number_fields=("ts",)),
    CollectionSpec("scratch_mem", keyword_fields=("owner",), number_fields=("ts",)),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One entry. `payload["id"]` is `id`; the driver turns it into a UUID for the store.

    `dense` is `(dim,)` float32; `sentences` is `(n, dim)` float32 with n ≥ 1 where the collection has them.
    """

    id: str
    dense: NDArray[np.float32]
    payload: Mapping[str, Any]
    sentences: NDArray[np.float32] | None = None
    bm25: SparseVector | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The payload field equals one of `values` (strings, integers or booleans)."""

    key: str
    values: tuple[str | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The payload field lies in `[gte, lte]`; either bound may be missing."""

    key: str
    gte: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """All of `must` hold and none of `must_not`; and, where `ids` is given, the point is one of them (string ids)."""

    must: tuple[Match | Range, ...] = ()
    must_not: tuple[Match | Range, ...] = ()
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `vector` is `(dim,)` for `dense` and for `sentences` (MaxSim), a `SparseVector` for `bm25`.

    `exact` skips the ANN index. `payload` names the fields to bring back: () for none, None for all.
    """

    using: str
    vector: NDArray[np.float32] | SparseVector
    limit: int
    filter: Filter | None = None
    exact: bool = False
    payload: tuple[str, ...] | None = ()


@dataclass(frozen=True, slots=True)
class StoreHit:
    """`id` is the string id. Scores: cosine for `dense`, best cosine for `sentences`, IDF-weighted sum for `bm25`."""

    id: str
    score: float
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A stored point as asked for; vectors that were not asked for are None."""

    id: str
    payload: Mapping[str, Any]
    dense: NDArray[np.float32] | None = None
    sentences: NDArray[np.float32] | None = None
    bm25: SparseVector | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Points beside a vector, by column: `ids`, and of each point the cosine of its `dense` vector, `(n,)`, the number
    of its sentences, `counts` `(n,)`, and its payload; of all sentences one after the other the cosines, `sentences`
    `(sum(counts),)`. Cosines are float32 and within .005 of the exact ones."""

    ids: tuple[str, ...]
    dense: NDArray[np.float32]
    counts: NDArray[np.int64]
    sentences: NDArray[np.float32]
    payloads: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a collection holds. `indexed` counts the points an ANN index covers; the rest is searched whole."""

    points: int
    indexed: int
    disk_bytes: int
    driver: str
    version: str


class VectorStore(Protocol):
    """Collections of points with dense, sentence and sparse vectors. Every method raises `VectorStoreDown` when the
    store does not answer, and `StorageFull` when the disk is full."""

    async def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection unless it is there with these vectors; `Conflict` if it is there with others."""

    async def drop(self, collection: str) -> None:
        """Remove the collection and its points; nothing happens where there is none."""

    async def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Insert or replace by id. Durable (survives `kill -9`) once this returns."""

    async def delete(self, collection: str, filter: Filter) -> None:
        """Remove what matches. Durable once this returns."""

    async def set_payload(self, collection: str, payloads: Mapping[str, Mapping[str, Any]]) -> None:
        """Merge fields into the payloads of the named points (string id to fields); unknown ids are passed over."""

    async def query(self, collection: str, queries: Sequence[Query]) -> list[list[StoreHit]]:
        """Run several searches in one round trip; hits by falling score, at most `limit` each."""

    async def retrieve(
        self,
        collection: str,
        ids: Sequence[str],
        *,
        payload: tuple[str, ...] | None = None,
        vectors: tuple[str, ...] = (),
    ) -> list[Record]:
        """Fetch points by string id, in the order asked for; missing ones are left out."""

    async def compare(
        self, collection: str, vector: NDArray[np.float32], ids: Sequence[str], *, payload: tuple[str, ...] = ()
    ) -> Comparison:
        """Hold a vector, `(dim,)`, against points by string id, in the order asked for; missing ones are left out.
        Fast for payload fields that are among the collection's `compared`."""

    async def scroll(
        self,
        collection: str,
        *,
        filter: Filter | None = None,
        limit: int = 256,
        after: str | None = None,
        payload: tuple[str, ...] | None = None,
    ) -> tuple[list[Record], str | None]:
        """Page through every point. The second value is the cursor for the next page, None after the last one."""

    async def count(self, collection: str, filter: Filter | None = None) -> int:
        """Count matching points, exactly."""

    async def optimise(self, collection: str) -> bool:
        """Build what makes search fast for points not yet indexed. Searches and writes go on meanwhile.

        Returns:
            Whether anything was done.
        """

    async def info(self, collection: str) -> StoreInfo: ...

    async def close(self) -> None:
        """Flush and release everything, child processes included. Calling it twice is fine."""
