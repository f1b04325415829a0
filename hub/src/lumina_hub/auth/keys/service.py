"""Rotating the signing key."""

from __future__ import annotations

import asyncio

from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.jwt.issuer import TokenIssuer
from lumina_hub.auth.keys.ring import KeyRing
from lumina_hub.auth.principal import Principal
from lumina_sdk.contract import SigningKeyInfo, SigningKeys

__all__ = ["KeyService"]


class KeyService:
    def __init__(self, keys: KeyRing, issuer: TokenIssuer, audit: Audit) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audit = audit
        self._rotating = asyncio.Lock()

    async def rotate(self, principal: Principal) -> SigningKeys:
        """Sign with a new key from now on. Tokens of the one before it stay valid until they end.

        Raises:
            StorageFull: the key cannot be written; the one before it goes on signing.
        """
        async with self._rotating:
            made = await asyncio.to_thread(self._keys.rotate)
        self._issuer.forget()
        await self._audit.record(AuditEvent.KEYS_ROTATED, by=principal.id, key=made.kid)
        return self.list()

    def list(self) -> SigningKeys:
        """The keys that count, the one that signs first."""
        return SigningKeys(
            keys=tuple(SigningKeyInfo(id=key.kid, created_at=key.made_at) for key in self._keys.verifying())
        )
