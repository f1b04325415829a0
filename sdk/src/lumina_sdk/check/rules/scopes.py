"""The scopes a manifest names."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from packaging.requirements import Requirement

from lumina_sdk.check.document import Place
from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding, Severity
from lumina_sdk.contract.scope import Scope, parse_scope
from lumina_sdk.contract.scopes import ScopeSet

__all__ = ["RULE"]

BAD = Code("bad-scope", "A scope is not written as `action:resource`, or narrowed by a filter it does not have.")
UNKNOWN = Code("unknown-scope", "A scope is neither Lumina's, nor the module's own, nor of a module it depends on.")
FOREIGN = Code("foreign-scope", "The module declares a scope that does not bear its name.")
MISSING = Code("missing-permission", "An endpoint asks for a scope the module neither asks for itself nor declares.")
BROAD = Code("broad-permission", "The module asks to be allowed everything.", Severity.WARNING)


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "scope")
    yield from module.found(FOREIGN, "own_scope")
    own = [scope.name for scope in module.declared_scopes.values()]
    for index, scope in module.permissions.items():
        yield from _known(module, ("permissions", index), scope, own)
        if scope == Scope.ADMIN_HUB:
            yield module.finding(
                BROAD,
                ("permissions", index),
                f"{str(scope)!r} allows everything, and few owners will grant it",
                "Ask for the scopes the module needs.",
            )
    allowed = ScopeSet((*module.permissions.values(), *own))
    for index, endpoint in module.endpoints.items():
        for number, scope in enumerate(endpoint.scopes):
            place = ("endpoints", index, "scopes", number)
            yield from _known(module, place, scope, own)
            if not allowed.covers(scope):
                yield module.finding(
                    MISSING,
                    place,
                    f"{endpoint.method} {endpoint.path} asks for {scope!r}, which the module is not allowed itself",
                    f"Add {scope!r} to permissions, or declare a scope of the module's own under scopes.",
                )


def _known(module: ModuleFolder, place: Place, scope: str, own: list[str]) -> Iterator[ModuleFinding]:
    parsed = parse_scope(scope)
    owners = [module.name, *(Requirement(text).name for text in module.dependencies.values())]
    if parsed.is_core or scope in own or any(_is_of(parsed.resource, owner) for owner in owners[1:]):
        return
    near = get_close_matches(scope, [*Scope, *own], n=1, cutoff=0.7)
    mine = _is_of(parsed.resource, module.name)
    yield module.finding(
        UNKNOWN,
        place,
        f"nobody knows the scope {scope!r}",
        f"Did you mean {str(near[0])!r}?"
        if near
        else f"Declare it: scopes: [{{name: {scope}, description: …}}]."
        if mine
        else "Name the module that declares it under dependencies.",
    )


def _is_of(resource: str, owner: str) -> bool:
    return resource == owner or resource.startswith(f"{owner}.")


RULE = Rule((BAD, UNKNOWN, FOREIGN, MISSING, BROAD), check)
