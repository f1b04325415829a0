"""Who a browser session belongs to, as of now."""

from __future__ import annotations

from lumina_hub.auth.holders import Holders
from lumina_hub.auth.owner import OwnerTokenStore
from lumina_hub.auth.principal import OWNER, Principal, PrincipalKind
from lumina_hub.auth.sessions.store import BrowserSession, SessionStore
from lumina_hub.auth.tokens.store import ApiTokenStore
from lumina_hub.auth.users.store import UserStore
from lumina_sdk.contract import ScopeSet

__all__ = ["LiveSessions"]


class LiveSessions:
    """A session ends with what it began with: the user's password, the owner's token, the API token."""

    def __init__(
        self,
        sessions: SessionStore,
        owner: OwnerTokenStore,
        users: UserStore,
        tokens: ApiTokenStore,
        holders: Holders,
    ) -> None:
        self._sessions = sessions
        self._owner = owner
        self._users = users
        self._tokens = tokens
        self._holders = holders

    async def find(self, cookie: str) -> tuple[Principal, str] | None:
        """Its principal and its CSRF token; None where it has ended. Raises `RedisDown`."""
        session = await self._sessions.get(cookie)
        if session is None:
            return None
        kind, _, name = session.principal.partition(":")
        scopes = await self._scopes(session, kind, name)
        if scopes is None:
            return None
        principal = Principal(
            session.principal,
            scopes,
            PrincipalKind(kind),
            token_id=name if kind == PrincipalKind.TOKEN else None,
            expires_at=session.ends_at,
        )
        return principal, session.csrf_token

    async def _scopes(self, session: BrowserSession, kind: str, name: str) -> ScopeSet | None:
        if kind == PrincipalKind.USER:
            user = await self._users.get(name)
            if user is None or session.created_at < user.sessions_since:
                return None
        elif kind == PrincipalKind.TOKEN:
            token = await self._tokens.get(name)
            if token is None or session.proof != token.digest.hex():
                return None
        elif session.principal != OWNER or session.proof != self._owner.digest.hex():
            return None
        return await self._holders.scopes_of(session.principal, since=session.created_at)
