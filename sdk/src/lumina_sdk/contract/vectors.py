"""Vectors: texts embedded, and collections of points searched by them.

The core's collections, which it rebuilds from the log, can be read; a module writes collections of its own, which are
named `<slug>.<word>`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = [
    "Collection",
    "CollectionName",
    "Collections",
    "CreateCollection",
    "DeletePoints",
    "EmbedRequest",
    "Embeddings",
    "FoundPoint",
    "Point",
    "PointFilter",
    "PointsChanged",
    "UpsertPoints",
    "VectorSearchRequest",
    "VectorSearchResponse",
]

CollectionName = Annotated[str, Field(max_length=100, pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)?$")]
Vector = Annotated[tuple[float, ...], Field(min_length=1, max_length=8192)]
Scalar = str | int | float | bool


class EmbedRequest(RequestModel):
    """Texts to turn into vectors. Some models embed what is looked for (`query`) unlike what is found (`passage`)."""

    texts: tuple[str, ...] = Field(min_length=1, max_length=256)
    kind: Literal["passage", "query"] = "passage"


class Embeddings(WireModel):
    """One row of `dim` floats, of unit length, for each text, in the order of the texts."""

    model: str
    dim: int
    vectors: tuple[tuple[float, ...], ...]


class CreateCollection(RequestModel):
    """A collection's shape. `dim` defaults to that of the hub's embeddings; the distance is the cosine."""

    dim: int | None = Field(default=None, ge=1, le=8192)


class Collection(WireModel):
    """A collection. `owner` is the module that may write it, None for the core's own."""

    name: str
    dim: int
    points: int
    owner: str | None = None


class Collections(WireModel):
    """Those the caller may read, by name."""

    collections: tuple[Collection, ...]


class Point(RequestModel):
    """Something to find. Give its `vector`, or a `text` the hub embeds (which needs `use:embeddings`)."""

    id: str = Field(min_length=1, max_length=256)
    vector: Vector | None = None
    text: str | None = None
    payload: dict[str, JsonValue] = Field(default_factory=dict)


class UpsertPoints(RequestModel):
    """Points to add; one whose id is there already is replaced."""

    points: tuple[Point, ...] = Field(min_length=1, max_length=1000)


class PointFilter(RequestModel):
    """Only points whose payload has, for each field, this value or one of these."""

    match: dict[str, Scalar | tuple[Scalar, ...]] = Field(min_length=1, max_length=16)


class DeletePoints(RequestModel):
    """Points to remove, by id; those that are not there are passed over."""

    ids: tuple[str, ...] = Field(min_length=1, max_length=1000)


class PointsChanged(WireModel):
    """How many points were written or removed."""

    points: int


class VectorSearchRequest(RequestModel):
    """What to look for: a `vector`, or a `text` the hub embeds (which needs `use:embeddings`); one of them."""

    vector: Vector | None = None
    text: str | None = None
    limit: int = Field(default=10, ge=1, le=1000)
    filter: PointFilter | None = None
    with_vectors: bool = False


class FoundPoint(WireModel):
    """A point found; `score` is the cosine to what was looked for, at most 1."""

    id: str
    score: float
    payload: dict[str, JsonValue] = Field(default_factory=dict)
    vector: tuple[float, ...] | None = None


class VectorSearchResponse(WireModel):
    """By falling score."""

    points: tuple[FoundPoint, ...]
    took_ms: float
