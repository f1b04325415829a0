"""What a module may do: what it asks for, as far as the owner allowed it.

The owner is asked once for a version, and what was decided then holds for every version that asks for no more. One
that asks for more waits until it is decided on, and the earlier decision stays with its own version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from lumina_sdk.contract import GrantedScopes, ScopeSet
from lumina_sdk.contract.manifest import Manifest

__all__ = ["Decision", "Grant", "decide", "undecided_of", "with_grant"]

_KEPT = 20


class Grant(BaseModel):
    """A decision of the owner's: `version` asked for `asked`, and was given `scopes`. `at` is epoch seconds."""

    model_config = ConfigDict(frozen=True)

    version: str
    asked: tuple[str, ...]
    scopes: tuple[str, ...]
    by: str
    at: float

    def out(self) -> GrantedScopes:
        return GrantedScopes(scopes=self.scopes, version=self.version, by=self.by, at=self.at)


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds for a version.

    Args:
        allowed: What the module may do. Its own scopes need no grant: they say what callers need.
        undecided: What it asks for and the owner was never asked about.
        withheld: What it asks for and the owner did not allow, undecided ones included.
        grant: The decision this follows from.
    """

    allowed: ScopeSet
    undecided: tuple[str, ...]
    withheld: tuple[str, ...]
    grant: Grant | None


def decide(manifest: Manifest, grants: Sequence[Grant]) -> Decision:
    """What `grants`, oldest first, mean for a manifest. The version's own grant counts, else the newest."""
    asked = ScopeSet(manifest.permissions)
    own = ScopeSet(manifest.own_scopes)
    counting = [grant for grant in grants if grant.version == manifest.version] or grants
    if not counting:
        return Decision(own, tuple(asked), tuple(asked), None)
    grant = counting[-1]
    granted = ScopeSet(grant.scopes) & asked
    decided = ScopeSet(grant.asked)
    return Decision(granted | own, decided.missing(asked), granted.missing(asked), grant)


def undecided_of(asked: Sequence[str], grants: Sequence[Grant]) -> tuple[str, ...]:
    """What nobody decided on yet of what a version not seen before asks for."""
    return ScopeSet(grants[-1].asked if grants else ()).missing(asked)


def with_grant(grants: Sequence[Grant], grant: Grant) -> tuple[Grant, ...]:
    """The grants with one more, which replaces an earlier one of its version. The last few versions' are kept."""
    return (*[it for it in grants if it.version != grant.version], grant)[-_KEPT:]
