"""Search, as a body or as query parameters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import search_service
from lumina_hub.search.service import SearchService
from lumina_sdk.contract import Scope, SearchRequest, SearchResponse

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["search"])
IndexRead = Annotated[Principal, requires(Scope.READ_VECTOR_STORE)]
Search = Annotated[SearchService, Depends(search_service)]


@router.post("/api/v1/search", response_model=SearchResponse)
async def search(request: SearchRequest, principal: IndexRead, service: Search) -> Response:
    """Find passages, best first."""
    return _written(await service.search(request))


@router.get("/api/v1/search", response_model=SearchResponse)
async def search_by_parameters(
    request: Annotated[SearchRequest, Query()], principal: IndexRead, service: Search
) -> Response:
    """Find passages, best first, asked for in the address."""
    return _written(await service.search(request))


def _written(found: SearchResponse) -> Response:
    """As it is: FastAPI would check ten texts again that were checked when `found` was made."""
    return Response(found.model_dump_json(exclude_none=True), media_type="application/json")
