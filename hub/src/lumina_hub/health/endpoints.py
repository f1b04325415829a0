"""Whether the hub lives and whether it can answer. Public: what asks has no token, and learns nothing but this."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from lumina_hub.auth.access import PUBLIC, GuardedRoute
from lumina_hub.health.service import HealthService
from lumina_hub.parts import health_service
from lumina_sdk.contract import Readiness

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["health"], dependencies=[PUBLIC])
Health = Annotated[HealthService, Depends(health_service)]


@router.get("/livez")
async def is_alive() -> dict[str, str]:
    """Say that the process answers. Touches nothing else."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"model": Readiness}})
@router.get("/healthz", responses={503: {"model": Readiness}})
async def is_ready(health: Health, response: Response) -> Readiness:
    """Say whether questions can be answered, and what is missing where they cannot: 200 or 503."""
    readiness = await health.readiness()
    if not readiness.ready:
        response.status_code = 503
    return readiness
