"""Collections of vectors: made, filled, searched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from lumina_hub.auth.access import GuardedRoute, requires_part
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import vector_service
from lumina_hub.vectors.service import VectorService
from lumina_sdk.contract import (
    Collection,
    CollectionName,
    Collections,
    CreateCollection,
    DeletePoints,
    PointsChanged,
    Scope,
    UpsertPoints,
    VectorSearchRequest,
    VectorSearchResponse,
)

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["vectors"])
VectorsRead = Annotated[Principal, requires_part(Scope.READ_VECTOR_STORE)]
VectorsWrite = Annotated[Principal, requires_part(Scope.WRITE_VECTOR_STORE)]
Vectors = Annotated[VectorService, Depends(vector_service)]
Name = Annotated[CollectionName, Path(alias="collection", description="`chunks`, or a module's `<slug>.<word>`.")]
_COLLECTION = "/api/v1/vectors/{collection}"


@router.get("/api/v1/vectors")
async def list_collections(principal: VectorsRead, vectors: Vectors) -> Collections:
    """List the collections the caller may read."""
    return await vectors.collections(principal)


@router.put(_COLLECTION)
async def create_collection(
    collection: Name, request: CreateCollection, principal: VectorsWrite, vectors: Vectors
) -> Collection:
    """Make a collection. Making it again in the same shape changes nothing; another shape is a 409."""
    return await vectors.create(collection, request, principal)


@router.delete(_COLLECTION, status_code=204)
async def drop_collection(collection: Name, principal: VectorsWrite, vectors: Vectors) -> None:
    """Remove a collection and everything in it."""
    await vectors.drop(collection, principal)


@router.post(_COLLECTION + "/points")
async def upsert_points(
    collection: Name, request: UpsertPoints, principal: VectorsWrite, vectors: Vectors
) -> PointsChanged:
    """Add points, in place of those with the same ids. Texts are embedded, which needs `use:embeddings`."""
    return await vectors.upsert(collection, request, principal)


@router.post(_COLLECTION + "/delete")
async def delete_points(
    collection: Name, request: DeletePoints, principal: VectorsWrite, vectors: Vectors
) -> PointsChanged:
    """Remove points by id."""
    return await vectors.delete(collection, request, principal)


@router.post(_COLLECTION + "/search", response_model_exclude_none=True)
async def search_points(
    collection: Name, request: VectorSearchRequest, principal: VectorsRead, vectors: Vectors
) -> VectorSearchResponse:
    """Find the nearest points by cosine. In `chat_long` and `scratch_mem`, which need `read:chat_history` and
    `read:scratchpad` too, a caller finds only its own."""
    return await vectors.search(collection, request, principal)
