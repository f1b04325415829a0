"""Bearer tokens, and the stores that know them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Protocol

from lumina_hub.auth.principal import OWNER, Principal
from lumina_hub.errors import InvalidToken, Unauthenticated
from lumina_sdk.contract import Scope

__all__ = ["Authenticator", "OwnerTokenStore", "TokenStore"]

_LONGEST_TOKEN = 4096


class TokenStore(Protocol):
    """Knows some tokens. Keeps digests, never a token, and compares them in constant time."""

    async def find(self, token: str) -> Principal | None:
        """Who the token stands for; None for a token this store does not know, or no longer accepts."""


class OwnerTokenStore:
    """The one token of `owner.token`, which may do everything."""

    def __init__(self, token: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()
        self._owner = Principal(OWNER, frozenset(Scope))

    async def find(self, token: str) -> Principal | None:
        digest = hashlib.sha256(token.encode()).digest()
        return self._owner if hmac.compare_digest(digest, self._digest) else None


class Authenticator:
    """Turns an Authorization header (RFC 6750, section 2.1) into a principal."""

    def __init__(self, stores: Sequence[TokenStore]) -> None:
        self._stores = tuple(stores)

    async def identify(self, authorization: str | None) -> Principal:
        """
        Raises:
            Unauthenticated: there is no header, or it is not a bearer token.
            InvalidToken: no store knows the token.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        if len(token) > _LONGEST_TOKEN:
            raise InvalidToken
        for store in self._stores:
            if (principal := await store.find(token)) is not None:
                return principal
        raise InvalidToken
