"""Logging in and out, and who the caller is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from lumina_core.errors import NotFound
from lumina_hub.auth.access import PUBLIC, GuardedRoute, KnownCaller
from lumina_hub.auth.credentials import client_address, read_credentials
from lumina_hub.auth.sessions.schemas import principal_out
from lumina_hub.auth.sessions.service import SessionService
from lumina_hub.auth.sessions.store import SESSION_COOKIE
from lumina_hub.parts import session_service
from lumina_hub.settings import Settings
from lumina_sdk.contract import ChangePassword, LoginRequest, LoginSession, PrincipalInfo

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["session"])
Sessions = Annotated[SessionService, Depends(session_service)]


@router.post("/api/v1/session", status_code=201, dependencies=[PUBLIC])
async def log_in(body: LoginRequest, request: Request, response: Response, sessions: Sessions) -> LoginSession:
    """Begin a session with a name and a password, or with a token. The cookie it sets lets a browser in; with it, every
    request that changes something must carry the answer's `csrf_token` as `X-CSRF-Token`. Wrong passwords slow down
    the next attempt."""
    settings: Settings = request.app.state.settings
    login = await sessions.log_in(
        body,
        address=client_address(request, behind_proxy=settings.behind_proxy),
        old_cookie=read_credentials(request.scope).cookie,
    )
    response.set_cookie(
        SESSION_COOKIE,
        login.cookie,
        max_age=settings.session_longest_s,
        httponly=True,
        samesite="strict",
        secure=settings.is_encrypted,
    )
    return login.session


@router.get("/api/v1/session")
async def read_session(request: Request, principal: KnownCaller, sessions: Sessions) -> LoginSession:
    """Describe the session of the request's cookie, its CSRF token included. A call with a token has none: 404."""
    found = await sessions.current(principal, read_credentials(request.scope).session_cookie)
    if found is None:
        raise NotFound("this call has no session: it was made with a token", hint="`GET /api/v1/me` says who you are.")
    return found


@router.delete("/api/v1/session", status_code=204)
async def log_out(request: Request, principal: KnownCaller, sessions: Sessions, response: Response) -> None:
    """End the session of the request's cookie. Whoever copied the cookie has nothing."""
    await sessions.log_out(principal, read_credentials(request.scope).session_cookie)
    settings: Settings = request.app.state.settings
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=settings.is_encrypted)


@router.post("/api/v1/session/password", status_code=204)
async def change_password(body: ChangePassword, principal: KnownCaller, sessions: Sessions) -> None:
    """Change one's own password. Every session of the user ends, this one too: log in again."""
    await sessions.change_password(principal, body)


@router.get("/api/v1/me")
async def describe_caller(principal: KnownCaller) -> PrincipalInfo:
    """Say who the caller is and what it may do."""
    return principal_out(principal)
