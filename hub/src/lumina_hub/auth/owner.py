"""The one token of `owner.token`."""

from __future__ import annotations

import hashlib
import hmac

from lumina_hub.auth.principal import EVERYTHING, OWNER, Principal, PrincipalKind

__all__ = ["OwnerTokenStore"]


class OwnerTokenStore:
    """The owner's token, which may do everything. Only its digest is kept."""

    def __init__(self, token: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()
        self._owner = Principal(OWNER, EVERYTHING, PrincipalKind.OWNER)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the token, to tell whether it is still the same."""
        return self._digest

    async def find(self, token: str) -> Principal | None:
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        return self._owner if hmac.compare_digest(digest, self._digest) else None
