"""Metrics, as Prometheus reads them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.metrics.registry import Metrics
from lumina_sdk.contract import Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["status"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def read_metrics(request: Request, principal: Annotated[Principal, requires(Scope.READ_METRICS)]) -> Response:
    """Return every metric in Prometheus' text format."""
    metrics: Metrics = request.app.state.metrics
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
