"""Who is calling, once identified."""

from __future__ import annotations

from dataclasses import dataclass

from lumina_hub.errors import MissingScope
from lumina_sdk.contract import Scope

__all__ = ["OWNER", "Principal"]

OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, a module or a job. `scopes` are effective: what this very call may do."""

    id: str
    scopes: frozenset[str]

    def demand(self, *scopes: Scope) -> None:
        """Go on only with all of `scopes`; for what depends on the request's content rather than on its route.

        Raises:
            MissingScope: naming those that are missing.
        """
        missing = [scope for scope in scopes if scope not in self.scopes]
        if missing:
            raise MissingScope(missing)
