"""Roles: scope sets with names, for people."""

from __future__ import annotations

from lumina_hub.auth.principal import EVERYTHING
from lumina_sdk.contract import Role, Scope, ScopeSet

__all__ = ["scopes_of_role"]

_VIEWER = (
    Scope.CHAT,
    Scope.READ_VECTOR_STORE,
    Scope.READ_GRAPH,
    Scope.READ_CHAT_HISTORY,
    Scope.READ_GAPS,
    Scope.READ_MODULES,
    Scope.READ_TOKENS,
    Scope.WRITE_TOKENS,
)
_MEMBER = (
    *_VIEWER,
    Scope.WRITE_GRAPH,
    Scope.WRITE_CHAT_HISTORY,
    Scope.READ_SCRATCHPAD,
    Scope.WRITE_SCRATCHPAD,
    Scope.READ_EVENTS,
    Scope.WRITE_GAPS,
    Scope.READ_ADAPTERS,
    Scope.USE_LLM,
    Scope.USE_EMBEDDINGS,
    Scope.USE_NETWORK,
    Scope.READ_METRICS,
)

_SCOPES: dict[Role, ScopeSet] = {
    Role.OWNER: EVERYTHING,
    Role.ADMIN: ScopeSet(set(Scope) - {Scope.ADMIN_HUB}),
    Role.MEMBER: ScopeSet(_MEMBER),
    Role.VIEWER: ScopeSet(_VIEWER),
}


def scopes_of_role(role: Role) -> ScopeSet:
    """What a person of this role may do."""
    return _SCOPES[role]
