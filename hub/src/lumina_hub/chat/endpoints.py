"""Questions and answers: asked, streamed, listed, marked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.chat.events import stream_events
from lumina_hub.chat.service import ChatService
from lumina_hub.parts import chat_service
from lumina_sdk.contract import (
    ChatAnswer,
    ChatRequest,
    Feedback,
    FeedbackRequest,
    NewTurn,
    Scope,
    Sessions,
    TurnDetail,
    Turns,
)

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["chat"])
Asking = Annotated[Principal, requires(Scope.CHAT)]
HistoryRead = Annotated[Principal, requires(Scope.READ_CHAT_HISTORY)]
HistoryWrite = Annotated[Principal, requires(Scope.WRITE_CHAT_HISTORY)]
Chat = Annotated[ChatService, Depends(chat_service)]

_EVENTS = "text/event-stream"
_STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_ANSWERS = {
    200: {
        "model": ChatAnswer,
        "content": {_EVENTS: {"schema": {"type": "string"}, "example": 'event: delta\ndata: {"text":"…"}\n\n'}},
        "description": "The answer, as JSON or as the events `start`, `delta`, `done` or `error`.",
    }
}


@router.post("/api/v1/chat", responses=_ANSWERS, response_model=None)  # type: ignore[arg-type]
@router.post("/chat", responses=_ANSWERS, response_model=None, include_in_schema=False)  # type: ignore[arg-type]
async def ask(
    question: ChatRequest,
    principal: Asking,
    chat: Chat,
    request: Request,
    accept: Annotated[str, Header()] = "*/*",
) -> Response:
    """Answer a question, with citations. The turn is kept before the answer is sent.

    With `Accept: text/event-stream`, or `stream` in the body, the answer comes as server-sent events.
    """
    chat.check(question)
    if question.stream or _EVENTS in accept:
        events: AsyncIterator[bytes] = stream_events(chat, question, principal, request.scope.get("lumina.request_id"))
        return StreamingResponse(events, media_type=_EVENTS, headers=_STREAM_HEADERS)
    answer = await chat.ask(question, principal)
    return JSONResponse(answer.model_dump(mode="json"))


@router.get("/api/v1/chat/sessions")
async def list_sessions(
    principal: HistoryRead, chat: Chat, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Sessions:
    """List the principal's sessions, most recently used first."""
    return await chat.sessions(principal, limit=limit)


@router.get("/api/v1/chat/turns")
async def list_turns(
    principal: HistoryRead,
    chat: Chat,
    session: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(description="The `before` of the page ahead of this one.")] = None,
    embeddings: Annotated[bool, Query(description="Send the turns' vectors too; else they are empty.")] = False,
) -> Turns:
    """List turns, newest first, of one session or of all. An unknown session is a 404."""
    return await chat.turns(principal, session=session, limit=limit, before=before, embeddings=embeddings)


@router.post("/api/v1/chat/turns", status_code=201)
async def add_turn(turn: NewTurn, principal: HistoryWrite, chat: Chat) -> TurnDetail:
    """Keep a question and its answer that came about elsewhere, as a turn of the caller's."""
    return await chat.add(turn, principal)


@router.get("/api/v1/chat/turns/{turn_id}")
async def read_turn(turn_id: str, principal: HistoryRead, chat: Chat) -> TurnDetail:
    """Return one turn the principal owns. Another owner's turn is a 404: its existence is not ours to tell."""
    return await chat.turn(turn_id, principal)


@router.post("/api/v1/chat/turns/{turn_id}/feedback")
async def mark_turn(turn_id: str, mark: FeedbackRequest, principal: HistoryWrite, chat: Chat) -> Feedback:
    """Say whether an answer was right. The latest mark counts."""
    return await chat.mark(turn_id, mark.value, principal)
