"""Making access tokens: for API clients, for modules, and for modules that act for somebody."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from lumina_hub.auth.expiring import ExpiringMap
from lumina_hub.auth.jwt.claims import HUB_AUDIENCE, Claims
from lumina_hub.auth.jwt.signing import sign
from lumina_hub.auth.keys.ring import LONGEST_TOKEN_S, KeyRing
from lumina_hub.auth.principal import Principal, module_id
from lumina_sdk.contract import ScopeSet

__all__ = ["MODULE_TOKEN_S", "ON_BEHALF_S", "AccessToken", "TokenIssuer"]

MODULE_TOKEN_S = 300.0
"""Life of the token a module calls the hub with for itself; the supervisor writes a new one at half of it."""

ON_BEHALF_S = 60.0
"""Life of the token a module gets with a request. The same one is handed out until half of it has passed."""

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token as sent, and what it says: `expires_at` is epoch seconds."""

    text: str
    scopes: ScopeSet
    expires_at: float
    lifetime_s: float


class TokenIssuer:
    """Signs with the newest key. Handing out a remembered token costs about a microsecond, signing one 0.1 ms."""

    def __init__(
        self,
        keys: KeyRing,
        issuer: str,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._remembered: ExpiringMap[tuple[object, ...], AccessToken] = ExpiringMap(_REMEMBERED, ticks)

    def issue(
        self,
        subject: str,
        scopes: ScopeSet,
        *,
        client_id: str,
        lifetime_s: float,
        audience: tuple[str, ...] = (HUB_AUDIENCE,),
        actor: str | None = None,
    ) -> AccessToken:
        """A new token. `lifetime_s` is cut to `LONGEST_TOKEN_S`."""
        lifetime_s = min(lifetime_s, LONGEST_TOKEN_S)
        now = round(self._clock(), 3)
        claims = Claims(
            issuer=self._issuer,
            subject=subject,
            audience=audience,
            issued_at=now,
            expires_at=now + lifetime_s,
            token_id=secrets.token_urlsafe(12),
            client_id=client_id,
            scopes=scopes,
            actor=actor,
        )
        return AccessToken(sign(claims, self._keys), scopes, claims.expires_at, lifetime_s)

    def at_most(self, lifetime_s: float, *, until: float | None) -> float:
        """`lifetime_s`, or what is left until then, in whole seconds."""
        return lifetime_s if until is None else max(0.0, min(lifetime_s, math.floor(until - self._clock())))

    def for_module(self, slug: str, scopes: ScopeSet) -> AccessToken:
        """The token a module calls the hub with for itself. `scopes` are its effective ones: manifest and grant."""
        key = (slug, scopes)
        found = self._remembered.get(key)
        if found is None:
            module = module_id(slug)
            found = self.issue(module, scopes, client_id=module, lifetime_s=MODULE_TOKEN_S)
            self._remember(key, found)
        return found

    def on_behalf(self, principal: Principal, slug: str, scopes: ScopeSet) -> AccessToken:
        """The token a module gets with a call of `principal`: what both may do, and no longer than a minute.

        Args:
            principal: Who called. Where it calls on behalf of somebody itself, the module acts for that somebody.
            slug: The module called.
            scopes: The module's effective ones: manifest and grant.
        """
        key = (principal.owner, principal.scopes, slug, scopes)
        found = self._remembered.get(key)
        if found is None:
            module = module_id(slug)
            found = self.issue(
                principal.owner,
                principal.scopes & scopes,
                client_id=module,
                lifetime_s=ON_BEHALF_S,
                audience=(HUB_AUDIENCE, module),
                actor=module,
            )
            self._remember(key, found)
        return found

    def forget(self) -> None:
        """Hand out no token again that was made before now: a grant, a module or a key is gone."""
        self._remembered.clear()

    def _remember(self, key: tuple[object, ...], token: AccessToken) -> None:
        self._remembered.put(key, token, for_s=token.lifetime_s / 2)
