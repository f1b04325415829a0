"""What an access token says (RFC 9068), and nothing it does not have to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lumina_sdk.contract import ScopeSet

__all__ = ["HUB_AUDIENCE", "MEDIA_TYPE", "Claims"]

HUB_AUDIENCE = "lumina"
"""The audience of what the hub itself accepts."""

MEDIA_TYPE = "at+jwt"
"""The `typ` of an access token's header, RFC 9068, section 2.1: no other kind of JWT can be taken for one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """`issued_at` and `expires_at` are epoch seconds. `actor` calls on behalf of `subject` (`act`, RFC 8693, 4.1)."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    issued_at: float
    expires_at: float
    token_id: str
    client_id: str
    scopes: ScopeSet
    actor: str | None = None

    def as_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": list(self.audience),
            "iat": self.issued_at,
            "exp": self.expires_at,
            "jti": self.token_id,
            "client_id": self.client_id,
            "scope": str(self.scopes),
        }
        if self.actor is not None:
            said["act"] = {"sub": self.actor}
        return said

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Claims:
        """Undo `as_dict`. Raises `ValueError`, `KeyError` or `TypeError` for what it did not write."""
        actor = said["act"]["sub"] if "act" in said else None
        audience = said["aud"]
        texts = (said["iss"], said["sub"], said["jti"], said["client_id"], said["scope"])
        if not all(isinstance(text, str) for text in (*texts, *audience, *([actor] if "act" in said else []))):
            raise TypeError("a claim that must be a text is none")
        return cls(
            issuer=said["iss"],
            subject=said["sub"],
            audience=(audience,) if isinstance(audience, str) else tuple(audience),
            issued_at=float(said["iat"]),
            expires_at=float(said["exp"]),
            token_id=said["jti"],
            client_id=said["client_id"],
            scopes=ScopeSet.parse(said["scope"]),
            actor=actor,
        )
