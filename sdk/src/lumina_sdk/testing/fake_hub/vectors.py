"""Embeddings and collections of points, in memory."""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Request

from lumina_sdk.contract import (
    Collection,
    CollectionName,
    Collections,
    CreateCollection,
    DeletePoints,
    Embeddings,
    EmbedRequest,
    FoundPoint,
    PointFilter,
    PointsChanged,
    Scope,
    UpsertPoints,
    VectorSearchRequest,
    VectorSearchResponse,
)
from lumina_sdk.errors import Conflict, InvalidInput, NotFound
from lumina_sdk.testing.fake_hub.access import FakePrincipal, demand, needs

__all__ = ["DIM", "FakeVectors", "embedded", "router"]

DIM = 384
Embedding = Annotated[FakePrincipal, needs(Scope.USE_EMBEDDINGS)]
Reading = Annotated[FakePrincipal, needs(Scope.READ_VECTOR_STORE)]
Writing = Annotated[FakePrincipal, needs(Scope.WRITE_VECTOR_STORE)]
router = APIRouter()


def embedded(text: str) -> tuple[float, ...]:
    """A vector of unit length that is near to those of texts with the same words."""
    vector = [0.0] * DIM
    for word in re.findall(r"\w+", text.lower()) or [""]:
        vector[zlib.crc32(word.encode()) % DIM] += 1.0
    return _unit(vector)


@dataclass(slots=True)
class _Points:
    dim: int
    owner: str | None
    points: dict[str, tuple[tuple[float, ...], dict[str, Any]]] = field(default_factory=dict)


class FakeVectors:
    def __init__(self) -> None:
        self._collections = {name: _Points(DIM, None) for name in ("articles", "chunks")}

    def collections(self, principal: FakePrincipal) -> list[Collection]:
        return [
            self.described(name)
            for name in sorted(self._collections)
            if principal.scopes.covers(Scope.READ_VECTOR_STORE.narrowed(name)) and self._is_seen(principal, name)
        ]

    def described(self, name: str) -> Collection:
        found = self._collections[name]
        return Collection(name=name, dim=found.dim, points=len(found.points), owner=found.owner)

    def create(self, principal: FakePrincipal, name: str, dim: int) -> Collection:
        if not principal.slug or not name.startswith(f"{principal.slug}."):
            raise InvalidInput(f"{name!r} is not the caller's to make.", hint="Name it <module>.<word>.")
        found = self._collections.setdefault(name, _Points(dim, principal.slug))
        if found.dim != dim:
            raise Conflict(f"{name!r} is there with {found.dim} dimensions.")
        return self.described(name)

    def read(self, principal: FakePrincipal, name: str) -> _Points:
        if name not in self._collections or not self._is_seen(principal, name):
            raise NotFound(f"There is no collection {name!r}.")
        return self._collections[name]

    def write(self, principal: FakePrincipal, name: str) -> _Points:
        found = self.read(principal, name)
        if found.owner != principal.slug:
            raise InvalidInput(f"{name!r} is the core's, which rebuilds it from the log.")
        return found

    def drop(self, principal: FakePrincipal, name: str) -> None:
        self.write(principal, name)
        del self._collections[name]

    def _is_seen(self, principal: FakePrincipal, name: str) -> bool:
        return self._collections[name].owner in (None, principal.slug)


def _vectors(request: Request) -> FakeVectors:
    vectors: FakeVectors = request.app.state.hub.vectors
    return vectors


def _vector_of(
    principal: FakePrincipal, dim: int, vector: tuple[float, ...] | None, text: str | None
) -> tuple[float, ...]:
    if (vector is None) == (text is None):
        raise InvalidInput("Give a vector or a text, one of them.")
    if text is not None:
        demand(principal, Scope.USE_EMBEDDINGS)
        vector = embedded(text)
    assert vector is not None  # noqa: S101 - one of both is there
    if len(vector) != dim:
        raise InvalidInput(f"The vector has {len(vector)} dimensions, the collection {dim}.")
    return _unit(list(vector))


def _unit(vector: list[float]) -> tuple[float, ...]:
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return tuple(value / length for value in vector)


def _fits(payload: dict[str, Any], wanted: PointFilter | None) -> bool:
    return wanted is None or all(
        payload.get(key) in (value if isinstance(value, tuple) else (value,)) for key, value in wanted.match.items()
    )


@router.post("/api/v1/embeddings")
async def embed(body: EmbedRequest, principal: Embedding) -> Embeddings:
    return Embeddings(model="fake-words", dim=DIM, vectors=tuple(map(embedded, body.texts)))


@router.get("/api/v1/vectors")
async def list_collections(principal: Reading, request: Request) -> Collections:
    return Collections(collections=tuple(_vectors(request).collections(principal)))


@router.put("/api/v1/vectors/{collection}")
async def create_collection(
    collection: CollectionName, body: CreateCollection, principal: Writing, request: Request
) -> Collection:
    return _vectors(request).create(principal, collection, body.dim or DIM)


@router.delete("/api/v1/vectors/{collection}", status_code=204)
async def drop_collection(collection: str, principal: Writing, request: Request) -> None:
    _vectors(request).drop(principal, collection)


@router.post("/api/v1/vectors/{collection}/points")
async def upsert_points(collection: str, body: UpsertPoints, principal: Writing, request: Request) -> PointsChanged:
    found = _vectors(request).write(principal, collection)
    new = {
        point.id: (_vector_of(principal, found.dim, point.vector, point.text), dict(point.payload))
        for point in body.points
    }
    found.points.update(new)
    return PointsChanged(points=len(new))


@router.post("/api/v1/vectors/{collection}/delete")
async def delete_points(collection: str, body: DeletePoints, principal: Writing, request: Request) -> PointsChanged:
    found = _vectors(request).write(principal, collection)
    return PointsChanged(points=sum(found.points.pop(one, None) is not None for one in body.ids))


@router.post("/api/v1/vectors/{collection}/search")
async def search_points(
    collection: str, body: VectorSearchRequest, principal: Reading, request: Request
) -> VectorSearchResponse:
    found = _vectors(request).read(principal, collection)
    wanted = _vector_of(principal, found.dim, body.vector, body.text)
    scored = [
        FoundPoint(
            id=one,
            score=sum(a * b for a, b in zip(wanted, vector, strict=True)),
            payload=payload,
            vector=vector if body.with_vectors else None,
        )
        for one, (vector, payload) in found.points.items()
        if _fits(payload, body.filter)
    ]
    scored.sort(key=lambda point: (-point.score, point.id))
    return VectorSearchResponse(points=tuple(scored[: body.limit]), took_ms=0)
