"""API tokens as a token store: who one stands for, as of now."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from lumina_core.errors import CoreError
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.expiring import ExpiringMap
from lumina_hub.auth.holders import Holders
from lumina_hub.auth.principal import Principal, PrincipalKind, token_id
from lumina_hub.auth.tokens.store import ApiToken, ApiTokenStore
from lumina_hub.errors import InvalidToken, TokenFault

__all__ = ["ApiTokenFinder"]

_NOTED_EVERY_S = 60.0
_log = structlog.get_logger(__name__)


class ApiTokenFinder:
    """Knows the tokens of `ApiTokenStore`, and notes when each is used, at most once a minute."""

    def __init__(
        self,
        tokens: ApiTokenStore,
        holders: Holders,
        audit: Audit,
        *,
        clock: Callable[[], float],
        ticks: Callable[[], float],
    ) -> None:
        self._tokens = tokens
        self._holders = holders
        self._audit = audit
        self._clock = clock
        self._noted: ExpiringMap[str, bool] = ExpiringMap(10_000, ticks)

    async def find(self, token: str) -> Principal | None:
        """
        Raises:
            InvalidToken: it has expired, or whoever made it is gone.
            RedisDown: whether it is known cannot be told.
        """
        known = await self._tokens.matching(token)
        return await self.principal_of(known) if known is not None else None

    async def principal_of(self, token: ApiToken) -> Principal:
        """Who stands behind a token whose secret was shown. Raises `InvalidToken`."""
        if token.is_expired(self._clock()):
            raise InvalidToken(TokenFault.EXPIRED)
        scopes = await self._holders.scopes_of_token(token)
        if scopes is None:
            raise InvalidToken(TokenFault.REVOKED)
        await self._note_use(token)
        return Principal(
            token_id(token.id), scopes, PrincipalKind.TOKEN, token_id=token.id, expires_at=token.expires_at
        )

    async def _note_use(self, token: ApiToken) -> None:
        if self._noted.get(token.id):
            return
        self._noted.put(token.id, True, for_s=_NOTED_EVERY_S)
        try:
            if await self._tokens.mark_used(token.id, self._clock()):
                self._audit.note(AuditEvent.TOKEN_FIRST_USED, by=token_id(token.id))
        except CoreError as error:  # a full disk must not lock anybody out
            _log.warning("token_use_not_noted", token=token.id, reason=error.message)
