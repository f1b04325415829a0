"""The hub at a glance."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import status_service
from lumina_hub.status.service import StatusService
from lumina_sdk.contract import Scope, Status

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["status"])
MetricsRead = Annotated[Principal, requires(Scope.READ_METRICS)]


@router.get("/api/v1/status")
async def read_status(principal: MetricsRead, service: Annotated[StatusService, Depends(status_service)]) -> Status:
    """Say what the hub holds and how its parts are."""
    return await service.status()
