"""Users: added, listed, changed, removed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.auth.users.service import UserService
from lumina_hub.parts import user_service
from lumina_sdk.contract import NewUser, Scope, UpdateUser, User, Users

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["users"])
HubAdmin = Annotated[Principal, requires(Scope.ADMIN_HUB)]
UserParts = Annotated[UserService, Depends(user_service)]


@router.post("/api/v1/users", status_code=201)
async def add_user(request: NewUser, principal: HubAdmin, users: UserParts) -> User:
    """Add a user. A name that is taken is a 409, a password that is too easy to guess a 400."""
    return await users.add(principal, request)


@router.get("/api/v1/users")
async def list_users(principal: HubAdmin, users: UserParts) -> Users:
    """List users by name."""
    return await users.list()


@router.patch("/api/v1/users/{name}")
async def update_user(name: str, request: UpdateUser, principal: HubAdmin, users: UserParts) -> User:
    """Change a user's role or password, or disable the user. The last two end the user's sessions."""
    return await users.update(principal, name, request)


@router.delete("/api/v1/users/{name}", status_code=204)
async def remove_user(name: str, principal: HubAdmin, users: UserParts) -> None:
    """Remove a user, with the user's sessions and tokens. What the user asked stays in the log."""
    await users.remove(principal, name)
