"""API tokens on the wire."""

from __future__ import annotations

from lumina_hub.auth.tokens.store import ApiToken
from lumina_sdk.contract import ApiToken as ApiTokenOut
from lumina_sdk.contract import IssuedToken

__all__ = ["issued_out", "token_out"]


def token_out(token: ApiToken) -> ApiTokenOut:
    return ApiTokenOut(
        id=token.id,
        name=token.name,
        owner=token.creator,
        scopes=tuple(token.scopes),
        client=token.is_client,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def issued_out(token: ApiToken, text: str) -> IssuedToken:
    """With the token itself, which is not kept: to be sent once."""
    return IssuedToken(token=text, **token_out(token).model_dump())
