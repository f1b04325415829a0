"""Rotating the signing key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.keys.service import KeyService
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import key_service
from lumina_sdk.contract import Scope, SigningKeys

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["keys"])
HubAdmin = Annotated[Principal, requires(Scope.ADMIN_HUB)]
Keys = Annotated[KeyService, Depends(key_service)]


@router.post("/api/v1/keys/rotate")
async def rotate_keys(principal: HubAdmin, keys: Keys) -> SigningKeys:
    """Sign access tokens with a new key from now on. Those of the one before it stay valid until they end."""
    return await keys.rotate(principal)
