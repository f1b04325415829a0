"""From what a request shows to who is calling."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from starlette.types import Scope as AsgiScope

from lumina_hub.auth.credentials import Credentials, read_credentials
from lumina_hub.auth.expiring import ExpiringMap
from lumina_hub.auth.principal import Principal
from lumina_hub.errors import InvalidToken, MissingCsrfToken, TokenFault, Unauthenticated

__all__ = ["Authenticator", "SessionFinder", "TokenStore"]

_LONGEST_TOKEN = 4096
_REMEMBERED = 10_000
_TRUSTED_S = 1.0
"""How long what was found is trusted before it is looked up again, so how late a revocation elsewhere is seen."""


class TokenStore(Protocol):
    """Knows some tokens. Keeps digests, never a token, and compares them in constant time."""

    async def find(self, token: str) -> Principal | None:
        """Who the token stands for; None for a token this store does not know.

        Raises:
            InvalidToken: it is one of this store's, and no longer accepted.
        """


class SessionFinder(Protocol):
    """Knows browser sessions."""

    async def find(self, cookie: str) -> tuple[Principal, str] | None:
        """Who the session belongs to, and its CSRF token; None where there is no such session, or no longer."""


class Authenticator:
    """Asks the stores, in order, and remembers for a second what they said.

    A token seen within that second costs a few microseconds. `forget` makes what was revoked here count at once.
    """

    def __init__(
        self,
        stores: Sequence[TokenStore],
        sessions: SessionFinder | None = None,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = tuple(stores)
        self._sessions = sessions
        self._clock = clock
        self._tokens: ExpiringMap[bytes, Principal] = ExpiringMap(_REMEMBERED, ticks)
        self._cookies: ExpiringMap[bytes, tuple[Principal, str]] = ExpiringMap(_REMEMBERED, ticks)
        self._forgotten = 0

    async def identify(self, asgi_scope: AsgiScope) -> Principal:
        """Who makes this request: by its `Authorization` header (RFC 6750, section 2.1), else by its session's cookie.

        Raises:
            Unauthenticated: it shows neither.
            InvalidToken: what it shows is not, or no longer, known.
            MissingCsrfToken: it is allowed by a cookie alone and may change something.
            RedisDown: whether it is known cannot be told.
        """
        return await self.judge(read_credentials(asgi_scope))

    async def judge(self, shown: Credentials) -> Principal:
        """`identify`, once the headers are read."""
        if shown.authorization is not None:
            scheme, _, token = shown.authorization.partition(" ")
            token = token.strip()
            if scheme.lower() != "bearer" or not token:
                raise Unauthenticated
            return await self.bearer(token)
        if shown.cookie is None or self._sessions is None:
            raise Unauthenticated
        principal, csrf_token = await self._session(shown.cookie, self._sessions)
        if not shown.is_safe and not _same(shown.csrf_token or "", csrf_token):
            raise MissingCsrfToken
        return principal

    async def bearer(self, token: str) -> Principal:
        """Who a token stands for. Raises `InvalidToken`."""
        if len(token) > _LONGEST_TOKEN:
            raise InvalidToken(TokenFault.MALFORMED)
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._tokens.get(key)
        if known is not None:
            return known
        began = self._forgotten
        for store in self._stores:
            if (found := await store.find(token)) is not None:
                if began == self._forgotten:
                    self._tokens.put(key, found, for_s=self._trusted_s(found))
                return found
        raise InvalidToken

    async def session(self, cookie: str) -> Principal:
        """Who a session belongs to. Raises `InvalidToken` where it has ended."""
        if self._sessions is None:
            raise InvalidToken(TokenFault.SESSION_ENDED)
        return (await self._session(cookie, self._sessions))[0]

    def forget(self) -> None:
        """Look everything up again: something was revoked, or may do less than before."""
        self._forgotten += 1
        self._tokens.clear()
        self._cookies.clear()

    async def _session(self, cookie: str, sessions: SessionFinder) -> tuple[Principal, str]:
        if len(cookie) > _LONGEST_TOKEN:
            raise InvalidToken(TokenFault.MALFORMED)
        key = hashlib.sha256(cookie.encode()).digest()
        known = self._cookies.get(key)
        if known is not None:
            return known
        began = self._forgotten
        found = await sessions.find(cookie)
        if found is None:
            raise InvalidToken(TokenFault.SESSION_ENDED)
        if began == self._forgotten:
            self._cookies.put(key, found, for_s=self._trusted_s(found[0]))
        return found

    def _trusted_s(self, principal: Principal) -> float:
        return _TRUSTED_S if principal.expires_at is None else min(_TRUSTED_S, principal.expires_at - self._clock())


def _same(shown: str, known: str) -> bool:
    return hmac.compare_digest(shown.encode(), known.encode())
