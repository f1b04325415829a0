"""Users on the wire."""

from __future__ import annotations

from lumina_hub.auth.roles import scopes_of_role
from lumina_hub.auth.users.store import User
from lumina_sdk.contract import User as UserOut

__all__ = ["user_out"]


def user_out(user: User) -> UserOut:
    return UserOut(
        name=user.name,
        role=user.role,
        scopes=tuple(scopes_of_role(user.role)),
        disabled=user.is_disabled,
        created_at=user.created_at,
        last_login_at=user.last_login_at,
    )
