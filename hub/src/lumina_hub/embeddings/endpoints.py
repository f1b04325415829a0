"""Embeddings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.embeddings.service import EmbeddingService
from lumina_hub.parts import embedding_service
from lumina_sdk.contract import Embeddings, EmbedRequest, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["embeddings"])
Embedding = Annotated[Principal, requires(Scope.USE_EMBEDDINGS)]
Service = Annotated[EmbeddingService, Depends(embedding_service)]


@router.post("/api/v1/embeddings")
async def embed(request: EmbedRequest, principal: Embedding, service: Service) -> Embeddings:
    """Turn texts into vectors of unit length, in their order. Texts over the model's limit are cut there."""
    vectors = await (service.queries if request.kind == "query" else service.passages)(request.texts)
    rows = tuple(tuple(row) for row in vectors.tolist())
    return Embeddings(model=service.info.model, dim=service.info.dim, vectors=rows)
