"""API tokens: made, listed, revoked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.auth.tokens.service import TokenService
from lumina_hub.parts import token_service
from lumina_sdk.contract import ApiTokens, IssuedToken, NewApiToken, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["tokens"])
TokensRead = Annotated[Principal, requires(Scope.READ_TOKENS)]
TokensWrite = Annotated[Principal, requires(Scope.WRITE_TOKENS)]
Tokens = Annotated[TokenService, Depends(token_service)]


@router.post("/api/v1/tokens", status_code=201)
async def create_token(request: NewApiToken, principal: TokensWrite, tokens: Tokens) -> IssuedToken:
    """Make a token. It may do no more than the caller, and is shown this once. No module may call this."""
    return await tokens.create(principal, request)


@router.get("/api/v1/tokens")
async def list_tokens(principal: TokensRead, tokens: Tokens) -> ApiTokens:
    """List the caller's own tokens, newest first; with `admin:hub` everybody's."""
    return await tokens.list(principal)


@router.delete("/api/v1/tokens/{token_id}", status_code=204)
async def revoke_token(token_id: str, principal: TokensWrite, tokens: Tokens) -> None:
    """End a token, and those made with it. Somebody else's is a 404."""
    await tokens.revoke(principal, token_id)
