"""Who is calling the fake hub, and what they may do."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from lumina_sdk.contract import Problem, Scope, ScopeSet
from lumina_sdk.errors import MissingScope, Unauthenticated

__all__ = ["Access", "Anybody", "FakePrincipal", "demand", "needs"]


@dataclass(frozen=True, slots=True)
class FakePrincipal:
    id: str
    scopes: ScopeSet

    @property
    def slug(self) -> str:
        """The module's name; "" for who is no module."""
        kind, _, name = self.id.partition(":")
        return name if kind == "module" else ""


class Access:
    """Tokens look like the hub's, and are good because they are known here, not because they are signed."""

    def __init__(self) -> None:
        self._known: dict[str, FakePrincipal] = {}

    def issue(self, principal: str, scopes: Iterable[str]) -> str:
        granted = ScopeSet(scopes)
        parts = ({"alg": "none", "typ": "at+jwt"}, {"sub": principal, "scope": str(granted), "jti": len(self._known)})
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        token = ".".join([*encoded, "fake"])
        self._known[token] = FakePrincipal(principal, granted)
        return token

    def revoke(self, token: str) -> None:
        self._known.pop(token, None)

    def identify(self, authorization: str) -> FakePrincipal:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("A token is needed.")
        if token not in self._known:
            problem = Problem(
                type="/problems/invalid-token", title="The token is not valid", status=401, detail="Unknown."
            )
            raise Unauthenticated(problem.detail, problem=problem)
        return self._known[token]


def _identify(request: Request) -> FakePrincipal:
    access: Access = request.app.state.hub.access
    return access.identify(request.headers.get("authorization", ""))


Anybody = Annotated[FakePrincipal, Depends(_identify)]
"""A caller with a token, of whatever scopes."""


def demand(principal: FakePrincipal, *scopes: str) -> None:
    """Go on only with all of `scopes`."""
    if missing := principal.scopes.missing(scopes):
        problem = Problem(
            type="/problems/missing-scope",
            title=MissingScope.title,
            status=403,
            detail=f"The token lacks the scope {' and '.join(map(repr, missing))}.",
            missing_scope=" ".join(missing),
        )
        raise MissingScope(problem.detail, problem=problem)


def needs(scope: Scope) -> Any:
    """A caller that may do `scope`. Where the path names a stream, queue or collection, that narrowing will do."""

    async def check(request: Request, principal: Anybody) -> FakePrincipal:
        value = request.path_params.get(scope.filter_key or "")
        if value is not None:
            demand(principal, scope.narrowed(value))
        elif not (scope.filter_key and principal.scopes.covers_part(scope)):
            demand(principal, scope)
        return principal

    checked: Callable[..., Awaitable[FakePrincipal]] = check
    return Depends(checked)
