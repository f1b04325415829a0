"""Rebuilding the index from the log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import reindex_service
from lumina_hub.reindex.service import ReindexService
from lumina_sdk.contract import Reindex, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["reindex"])
HubAdmin = Annotated[Principal, requires(Scope.ADMIN_HUB)]
IndexRead = Annotated[Principal, requires(Scope.READ_VECTOR_STORE)]
Rebuilding = Annotated[ReindexService, Depends(reindex_service)]


@router.post("/api/v1/reindex", status_code=202)
async def start_reindex(principal: HubAdmin, rebuilding: Rebuilding) -> Reindex:
    """Drop the index and rebuild it from the log alone. It goes on after a crash where it was."""
    return await rebuilding.start()


@router.get("/api/v1/reindex")
async def read_reindex(principal: IndexRead, rebuilding: Rebuilding) -> Reindex:
    """Say how far the rebuilding is."""
    return await rebuilding.progress()
