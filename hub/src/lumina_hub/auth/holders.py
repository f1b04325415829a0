"""What those who hold credentials may do now, whatever a credential said when it was made."""

from __future__ import annotations

from collections.abc import Callable

from lumina_hub.auth.principal import EVERYTHING, OWNER
from lumina_hub.auth.roles import scopes_of_role
from lumina_hub.auth.tokens.store import ApiToken, ApiTokenStore
from lumina_hub.auth.users.store import UserStore
from lumina_sdk.contract import ScopeSet

__all__ = ["Holders"]


class Holders:
    """Looks a principal's standing up by its id. Every method raises `RedisDown`."""

    def __init__(self, users: UserStore, tokens: ApiTokenStore, *, clock: Callable[[], float]) -> None:
        self._users = users
        self._tokens = tokens
        self._clock = clock

    def keeps(self, principal_id: str) -> bool:
        """Whether such principals are kept here, so that one that is not found is gone."""
        return principal_id == OWNER or principal_id.partition(":")[0] in ("user", "token")

    async def scopes_of(self, principal_id: str, *, since: float) -> ScopeSet | None:
        """The most that a credential made at `since`, epoch seconds, may do; None where its holder is gone.

        Whoever bears a name now did not make what was made before it was given to them.
        """
        if principal_id == OWNER:
            return EVERYTHING
        kind, _, name = principal_id.partition(":")
        if kind == "user":
            user = await self._users.get(name)
            if user is None or user.is_disabled or user.created_at > since:
                return None
            return scopes_of_role(user.role)
        if kind == "token":
            token = await self._tokens.get(name)
            return await self.scopes_of_token(token) if token is not None else None
        return None

    async def scopes_of_token(self, token: ApiToken) -> ScopeSet | None:
        """What it was granted, as far as its maker still may: it ends with the one that made it."""
        if token.is_expired(self._clock()):
            return None
        maker = await self.scopes_of(token.creator, since=token.created_at)
        return maker & token.scopes if maker is not None else None
