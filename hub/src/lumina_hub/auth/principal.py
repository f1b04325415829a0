"""Who is calling, once identified."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lumina_hub.errors import MissingScope
from lumina_sdk.contract import ScopeSet

__all__ = ["EVERYTHING", "OWNER", "Principal", "PrincipalKind", "module_id", "token_id", "user_id"]

OWNER = "owner"
_MODULE = "module:"
EVERYTHING = ScopeSet(["admin:hub"])
"""What the owner may do: every scope, those of modules included."""


class PrincipalKind(StrEnum):
    OWNER = "owner"  # whoever holds `owner.token`
    USER = "user"  # a person who logged in
    TOKEN = "token"  # noqa: S105 - a program with an API token, or with what `/oauth/token` gave it
    MODULE = "module"


def user_id(name: str) -> str:
    return f"user:{name}"


def token_id(id: str) -> str:
    return f"token:{id}"


def module_id(slug: str) -> str:
    return f"{_MODULE}{slug}"


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, a program or a module.

    `scopes` are effective: what this very call may do. `expires_at` is when its credential ends, epoch seconds;
    `token_id` tells tokens of one principal apart.
    """

    id: str
    scopes: ScopeSet
    kind: PrincipalKind = PrincipalKind.TOKEN
    on_behalf_of: str | None = None
    token_id: str | None = None
    expires_at: float | None = field(default=None, compare=False)

    @property
    def owner(self) -> str:
        """Whose things the call may see: a module that acts for somebody sees that somebody's."""
        return self.on_behalf_of or self.id

    @property
    def module(self) -> str | None:
        """The slug of the module that calls; None where the caller is none."""
        return self.id.removeprefix(_MODULE) if self.id.startswith(_MODULE) else None

    def demand(self, *needed: str) -> None:
        """Go on only with all of `needed`; for what depends on the request's content rather than on its route.

        Raises:
            MissingScope: naming those that are missing.
        """
        missing = self.scopes.missing(needed)
        if missing:
            raise MissingScope(missing)
