"""What a browser sees: a start page, the API's description, a listing of it. Nothing is loaded from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lumina_hub.auth.access import PUBLIC, GuardedRoute
from lumina_hub.pages.render import render_operations, render_start

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["pages"], dependencies=[PUBLIC])


@router.get("/", include_in_schema=False)
async def show_start(request: Request) -> Response:
    """Say what Lumina is and how to ask it."""
    return HTMLResponse(render_start(str(request.base_url).rstrip("/")))


@router.get("/api/v1/openapi.json", include_in_schema=False)
async def read_openapi(request: Request) -> Response:
    """Describe every route, OpenAPI 3.1."""
    return JSONResponse(request.app.openapi())


@router.get("/api/v1/docs", include_in_schema=False)
async def show_operations(request: Request) -> Response:
    """List every route for people."""
    return HTMLResponse(render_operations(request.app.openapi()))
