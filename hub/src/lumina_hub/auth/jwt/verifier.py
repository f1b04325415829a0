"""Signed tokens as a token store: who one stands for, as of now."""

from __future__ import annotations

from collections.abc import Callable

from lumina_hub.auth.holders import Holders
from lumina_hub.auth.jwt.claims import Claims
from lumina_hub.auth.jwt.revocations import Revocations
from lumina_hub.auth.jwt.signing import LEEWAY_S, is_signed, verify
from lumina_hub.auth.keys.ring import KeyRing
from lumina_hub.auth.principal import Principal, PrincipalKind
from lumina_hub.errors import InvalidToken, TokenFault
from lumina_sdk.contract import ScopeSet

__all__ = ["SignedTokenStore"]


class SignedTokenStore:
    """Knows every token of our own `TokenIssuer`: it needs no record of them."""

    def __init__(
        self,
        keys: KeyRing,
        revocations: Revocations,
        holders: Holders,
        *,
        issuer: str,
        clock: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._holders = holders
        self._issuer = issuer
        self._clock = clock

    async def find(self, token: str) -> Principal | None:
        """
        Raises:
            InvalidToken: it is a signed token, and not a valid one.
            RedisDown: whether it was revoked cannot be told.
        """
        if not is_signed(token):
            return None
        claims = self.read(token)
        if await self._revocations.covers(claims):
            raise InvalidToken(TokenFault.REVOKED)
        return Principal(
            id=claims.actor or claims.subject,
            scopes=await self._scopes(claims),
            kind=_kind(claims.actor or claims.subject),
            on_behalf_of=claims.subject if claims.actor is not None else None,
            token_id=claims.token_id,
            expires_at=claims.expires_at + LEEWAY_S,
        )

    def read(self, token: str) -> Claims:
        """What a valid token says; whether it was revoked is not asked. Raises `InvalidToken`."""
        return verify(token, self._keys, issuer=self._issuer, clock=self._clock)

    async def _scopes(self, claims: Claims) -> ScopeSet:
        if not self._holders.keeps(claims.subject):  # as a module: the hub signed what it may do, `Revocations` ends it
            return claims.scopes
        standing = await self._holders.scopes_of(claims.subject, since=claims.issued_at + 0.001)
        if standing is None:
            raise InvalidToken(TokenFault.REVOKED)
        return claims.scopes & standing


def _kind(principal_id: str) -> PrincipalKind:
    kind = principal_id.partition(":")[0]
    return PrincipalKind(kind) if kind in set(PrincipalKind) else PrincipalKind.TOKEN
