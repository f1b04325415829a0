"""Collections of vectors. Reading needs `read:vector_store`, writing `write:vector_store`, of the collection."""

from __future__ import annotations

from collections.abc import Sequence

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.paths import part
from lumina_sdk.contract import (
    Collection,
    Collections,
    CreateCollection,
    DeletePoints,
    Point,
    PointFilter,
    PointsChanged,
    UpsertPoints,
    VectorSearchRequest,
    VectorSearchResponse,
)

__all__ = ["VectorsApi"]

_VECTORS = "/api/v1/vectors"


class VectorsApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def collections(self) -> Collections:
        """The collections the caller may read."""
        return await self._connection.ask(Collections, "GET", _VECTORS)

    async def create(self, collection: str, *, dim: int | None = None) -> Collection:
        """Make a collection of the module's own; one that is there with this `dim` is left as it is."""
        return await self._connection.ask(
            Collection, "PUT", f"{_VECTORS}/{part(collection)}", CreateCollection(dim=dim)
        )

    async def drop(self, collection: str) -> None:
        """Remove a collection with all its points. Raises `NotFound`."""
        await self._connection.send("DELETE", f"{_VECTORS}/{part(collection)}")

    async def upsert(self, collection: str, *points: Point) -> PointsChanged:
        """Add points; those whose id is there are replaced."""
        path = f"{_VECTORS}/{part(collection)}/points"
        return await self._connection.ask(PointsChanged, "POST", path, UpsertPoints(points=points))

    async def delete(self, collection: str, *ids: str) -> PointsChanged:
        """Remove points by id."""
        path = f"{_VECTORS}/{part(collection)}/delete"
        return await self._connection.ask(PointsChanged, "POST", path, DeletePoints(ids=ids))

    async def search(
        self,
        collection: str,
        looked_for: str | Sequence[float],
        *,
        limit: int = 10,
        where: PointFilter | None = None,
        with_vectors: bool = False,
    ) -> VectorSearchResponse:
        """Find the points nearest to a vector, or to a text, best first."""
        request = VectorSearchRequest(
            text=looked_for if isinstance(looked_for, str) else None,
            vector=None if isinstance(looked_for, str) else tuple(looked_for),
            limit=limit,
            filter=where,
            with_vectors=with_vectors,
        )
        return await self._connection.ask(
            VectorSearchResponse, "POST", f"{_VECTORS}/{part(collection)}/search", request
        )
