"""Sessions on the wire."""

from __future__ import annotations

from lumina_hub.auth.principal import Principal
from lumina_hub.auth.sessions.store import BrowserSession, public_id
from lumina_sdk.contract import LoginSession, PrincipalInfo

__all__ = ["principal_out", "session_out"]


def principal_out(principal: Principal) -> PrincipalInfo:
    return PrincipalInfo(
        id=principal.id,
        kind=principal.kind.value,
        scopes=tuple(principal.scopes),
        on_behalf_of=principal.on_behalf_of,
    )


def session_out(cookie: str, session: BrowserSession, principal: Principal) -> LoginSession:
    return LoginSession(
        id=public_id(cookie),
        principal=principal_out(principal),
        csrf_token=session.csrf_token,
        created_at=session.created_at,
        expires_at=session.ends_at,
    )
