"""Sets of scopes, and the three states one is met in.

    granted   = ScopeSet(token.scopes)                # as stored
    expanded  = granted.expanded                      # and everything they imply
    effective = granted & manifest & grant & user     # what this very call may do

What implies what is a tree: `admin:hub` at its root implies every scope, those of modules too; `admin:modules` implies
`read:modules`; a scope implies its narrowings. `write:` never implies `read:`. Of two scopes in a tree either one
implies the other, or they have nothing in common: that is why an intersection is found by looking at single scopes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lumina_sdk.contract.scope import Scope, parse_scope

__all__ = ["ScopeSet"]

_ADMIN_HUB, _ADMIN_MODULES, _READ_MODULES = map(str, (Scope.ADMIN_HUB, Scope.ADMIN_MODULES, Scope.READ_MODULES))
_EVERYTHING = frozenset(str(scope) for scope in Scope)


class ScopeSet:
    """Some scopes. Immutable; two are equal when they allow the same.

    `granted` are the scopes as they were given. `expanded` are they and what they imply, as far as it can be listed:
    without narrowings of what is there whole, and with `admin:hub` without the scopes modules declare. Ask `covers`.

    Raises:
        InvalidScope: one of `scopes` is not well-formed.
    """

    __slots__ = ("_names", "expanded", "granted")

    granted: frozenset[str]
    expanded: frozenset[str]
    _names: frozenset[str]

    def __init__(self, scopes: Iterable[str] = ()) -> None:
        # A member of `Scope` is a str already; stored plain, so that sets print and pickle as their texts.
        object.__setattr__(self, "granted", frozenset(parse_scope(str(scope)).text for scope in scopes))
        object.__setattr__(self, "expanded", _expand(self.granted))
        object.__setattr__(self, "_names", frozenset(scope.partition("!")[0] for scope in self.expanded))

    @classmethod
    def parse(cls, text: str) -> ScopeSet:
        """Read a list with blanks between, as OAuth writes it (RFC 6749, section 3.3)."""
        return cls(text.split())

    @property
    def is_everything(self) -> bool:
        """Whether every scope is covered, those nobody has declared yet included."""
        return _ADMIN_HUB in self.expanded

    def covers(self, needed: str) -> bool:
        """Whether a call that needs `needed` may be made."""
        expanded = self.expanded
        if needed in expanded or _ADMIN_HUB in expanded:
            return True
        name, narrowed, _ = needed.partition("!")
        return bool(narrowed) and name in expanded

    def covers_all(self, needed: frozenset[str]) -> bool:
        """Whether a call that needs all of `needed` may be made."""
        return needed <= self.expanded or all(map(self.covers, needed))

    def covers_part(self, needed: Scope) -> bool:
        """Whether a narrowing of `needed`, or all of it, is covered: what a route may ask before it knows the stream,
        queue or collection a call is about. Then ask `covers(needed.narrowed(…))`."""
        return needed in self._names

    def missing(self, needed: Iterable[str]) -> tuple[str, ...]:
        """Those of `needed` that are not covered, in alphabetical order, each once."""
        return tuple(sorted({str(scope) for scope in needed if not self.covers(scope)}))

    def __and__(self, other: ScopeSet) -> ScopeSet:
        """What both allow. Of `read:events` and `read:events!stream=a` that is the narrower one."""
        mine = {scope for scope in self.granted if other.covers(scope)}
        theirs = {scope for scope in other.granted if self.covers(scope)}
        return ScopeSet(mine | theirs)

    def __or__(self, other: ScopeSet) -> ScopeSet:
        """What either allows."""
        return ScopeSet(self.granted | other.granted)

    def __le__(self, other: ScopeSet) -> bool:
        """Whether everything this set allows is allowed by `other` too."""
        return all(map(other.covers, self.granted))

    def __contains__(self, needed: str) -> bool:
        return self.covers(needed)

    def __iter__(self) -> Iterator[str]:
        """The scopes as granted, in alphabetical order."""
        return iter(sorted(self.granted))

    def __len__(self) -> int:
        return len(self.granted)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScopeSet) and self.expanded == other.expanded

    def __hash__(self) -> int:
        return hash(self.expanded)

    def __str__(self) -> str:
        """As OAuth writes it: the scopes as granted, with blanks between."""
        return " ".join(self)

    def __repr__(self) -> str:
        return f"ScopeSet({list(self)!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a ScopeSet does not change; make a new one")

    def __reduce__(self) -> tuple[Any, ...]:
        return ScopeSet, (sorted(self.granted),)


def _expand(granted: frozenset[str]) -> frozenset[str]:
    """The normal form of what `granted` allows: equal for sets that allow the same."""
    if _ADMIN_HUB in granted:
        return _EVERYTHING
    implied = {_READ_MODULES} if _ADMIN_MODULES in granted else set()
    whole = implied | {scope for scope in granted if "!" not in scope}
    narrowed = {scope for scope in granted if scope.partition("!")[0] not in whole}
    return frozenset(whole | narrowed)
