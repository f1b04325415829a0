"""API tokens for the routes: made, listed, revoked."""

from __future__ import annotations

from collections.abc import Callable

from lumina_core.errors import NotFound
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.principal import Principal, PrincipalKind, token_id
from lumina_hub.auth.tokens.schemas import issued_out, token_out
from lumina_hub.auth.tokens.store import ApiToken, ApiTokenStore, digest_of, new_token
from lumina_hub.errors import MissingScope, NotForModules
from lumina_sdk.contract import ApiTokens, IssuedToken, NewApiToken, ScopeSet

__all__ = ["TokenService"]


class TokenService:
    """`on_change` is called after a token was revoked, so that it counts at once."""

    def __init__(
        self, tokens: ApiTokenStore, audit: Audit, *, on_change: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._tokens = tokens
        self._audit = audit
        self._on_change = on_change
        self._clock = clock

    async def create(self, principal: Principal, wanted: NewApiToken) -> IssuedToken:
        """Make a token; the only time it is shown.

        Raises:
            MissingScope: it would allow what its maker may not do.
            NotForModules: a module asks, for itself or for somebody.
        """
        if principal.kind is PrincipalKind.MODULE:
            raise NotForModules("make API tokens")
        scopes = ScopeSet(wanted.scopes)
        if missing := principal.scopes.missing(scopes):
            raise MissingScope(missing)
        id, text = new_token()
        now = self._clock()
        token = ApiToken(
            id=id,
            name=wanted.name,
            digest=digest_of(text),
            scopes=scopes,
            creator=principal.id,
            created_at=now,
            is_client=wanted.client,
            expires_at=now + wanted.expires_in_s if wanted.expires_in_s is not None else None,
        )
        await self._audit.record(
            AuditEvent.TOKEN_CREATED,
            by=principal.id,
            about=token_id(id),
            scopes=str(scopes),
            expires_at=token.expires_at,
        )
        await self._tokens.add(token)
        return issued_out(token, text)

    async def list(self, principal: Principal) -> ApiTokens:
        """The caller's own tokens, the newest first; with `admin:hub` everybody's."""
        found = [token for token in await self._tokens.all() if _may_see(principal, token)]
        return ApiTokens(tokens=tuple(map(token_out, found)))

    async def revoke(self, principal: Principal, id: str) -> None:
        """End a token, and those made with it.

        Raises:
            NotFound: there is none of this id, or it is somebody else's.
        """
        token = await self._tokens.get(id)
        if token is None or not _may_see(principal, token) or not await self._tokens.remove(id):
            raise NotFound(f"there is no token {id!r}", hint="`lumina token list` shows their ids.")
        self._on_change()
        await self._audit.record(AuditEvent.TOKEN_REVOKED, by=principal.id, about=token_id(id))


def _may_see(principal: Principal, token: ApiToken) -> bool:
    return principal.scopes.is_everything or token.creator == principal.owner
