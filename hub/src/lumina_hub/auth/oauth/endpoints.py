"""The token endpoint, and what a client or another server reads to use it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from lumina_hub.auth.access import PUBLIC, GuardedRoute
from lumina_hub.auth.keys.ring import ALGORITHM, KeyRing
from lumina_hub.auth.oauth.errors import NO_STORE, RefusedGrant
from lumina_hub.auth.oauth.form import read_form
from lumina_hub.auth.oauth.service import OAuthService
from lumina_hub.parts import key_ring, oauth_service
from lumina_hub.settings import Settings
from lumina_sdk.contract import OAuthError, Scope, TokenRequest, TokenResponse

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["oauth"], dependencies=[PUBLIC])
OAuth = Annotated[OAuthService, Depends(oauth_service)]
Keys = Annotated[KeyRing, Depends(key_ring)]
_PUBLISHED = {"Cache-Control": "public, max-age=300"}
_REFUSALS: dict[int | str, dict[str, Any]] = {400: {"model": OAuthError}, 401: {"model": OAuthError}}


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    """A form as OpenAPI describes it; FastAPI itself would need a library for multipart bodies to read one."""
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


_REVOCATION = {
    "type": "object",
    "required": ["token"],
    "properties": {name: {"type": "string"} for name in ("token", "token_type_hint", "client_id", "client_secret")},
}


@router.post(
    "/oauth/token",
    response_model=TokenResponse,
    responses=_REFUSALS,
    openapi_extra=_form(TokenRequest.model_json_schema()),
)
async def grant_token(request: Request, oauth: OAuth) -> Response:
    """Give an API client a short-lived access token (RFC 6749, section 4.4). Its id and secret come as HTTP Basic or in
    the form; `scope` narrows what the token may do. Errors are OAuth's, not problems."""
    try:
        granted = await oauth.grant(await read_form(request))
    except RefusedGrant as refusal:
        return refusal.response()
    return JSONResponse(granted.model_dump(), headers=NO_STORE)


@router.post("/oauth/revoke", responses=_REFUSALS, openapi_extra=_form(_REVOCATION))
async def revoke_token(request: Request, oauth: OAuth) -> Response:
    """Take an access token back before its time (RFC 7009). One that is unknown or over is a success too."""
    try:
        await oauth.revoke(await read_form(request))
    except RefusedGrant as refusal:
        return refusal.response()
    return JSONResponse({}, headers=NO_STORE)


@router.get("/.well-known/jwks.json")
async def list_keys(keys: Keys) -> Response:
    """Publish the keys that verify Lumina's access tokens (RFC 7517), the one that signs first."""
    return JSONResponse({"keys": [key.public() for key in keys.verifying()]}, headers=_PUBLISHED)


@router.get("/.well-known/oauth-authorization-server")
async def describe_server(request: Request) -> Response:
    """Describe the token endpoint to clients (RFC 8414)."""
    settings: Settings = request.app.state.settings
    issuer = settings.issuer
    methods = ["client_secret_basic", "client_secret_post"]
    return JSONResponse(
        {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth/token",
            "revocation_endpoint": f"{issuer}/oauth/revoke",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "scopes_supported": sorted(Scope),
            "access_token_signing_alg_values_supported": [ALGORITHM],
            "service_documentation": f"{issuer}/api/v1/docs",
        },
        headers=_PUBLISHED,
    )
