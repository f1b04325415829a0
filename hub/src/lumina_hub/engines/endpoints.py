"""The language engine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.engines.service import EngineService
from lumina_hub.parts import engine_service
from lumina_hub.waiting import unless_gone
from lumina_sdk.contract import EngineInfo, Generated, GenerateRequest, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["engine"])
Generating = Annotated[Principal, requires(Scope.USE_LLM)]
Service = Annotated[EngineService, Depends(engine_service)]

_EVENTS = "text/event-stream"
_STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_ANSWERS = {
    200: {
        "model": Generated,
        "content": {_EVENTS: {"schema": {"type": "string"}, "example": 'event: delta\ndata: {"text":"…"}\n\n'}},
        "description": "The text, as JSON or as the events `delta`, `done` or `error`.",
    }
}


@router.get("/api/v1/engine")
async def describe_engine(principal: Generating, engine: Service) -> EngineInfo:
    """Say which engine is in use and what it can do."""
    return engine.info()


@router.post("/api/v1/engine/generate", responses=_ANSWERS, response_model=None)  # type: ignore[arg-type]
async def generate(request: GenerateRequest, principal: Generating, engine: Service, connection: Request) -> Response:
    """Continue a conversation. An engine that cannot is a 501. A client that goes away ends the work."""
    engine.check(request)
    if request.stream:
        events = engine.stream(request, connection.scope.get("lumina.request_id"))
        return StreamingResponse(events, media_type=_EVENTS, headers=_STREAM_HEADERS)
    text = await unless_gone(connection, engine.generate(request))
    return JSONResponse(text.model_dump(mode="json"))
