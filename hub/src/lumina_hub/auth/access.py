"""The one place where a call is let in or refused.

Every route is a `GuardedRoute`. It declares who may call it, in its signature or its dependencies:
`requires(Scope.CHAT)`, `requires_part(Scope.READ_EVENTS)`, `KnownCaller` or `PUBLIC`. A route that declares none of
them, or `PUBLIC` beside another, cannot be made. The guard runs before the body is read. The gateway, which serves
what modules declare, asks the same `Guard`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import Scope as AsgiScope

from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.authenticator import Authenticator
from lumina_hub.auth.principal import Principal
from lumina_hub.errors import HubError, InvalidToken, MissingCsrfToken, MissingScope, NotForModules, NotReady
from lumina_hub.idempotency.route import IdempotentRoute
from lumina_sdk.contract import Scope

__all__ = [
    "PUBLIC",
    "Guard",
    "GuardedRoute",
    "KnownCaller",
    "Public",
    "Requires",
    "authorise",
    "is_public",
    "requires",
    "requires_part",
    "scopes_of",
]

_NOBODY = "nobody"


def authorise(principal: Principal, needed: frozenset[str], *, in_part: Sequence[Scope] = ()) -> None:
    """Let the call go on. It may only with all of `needed`, and with a narrowing at least of each of `in_part`.

    Raises:
        MissingScope: naming every scope that is missing.
    """
    if principal.scopes.covers_all(needed) and not in_part:
        return
    missing = [*principal.scopes.missing(needed)]
    missing += [scope for scope in in_part if not principal.scopes.covers_part(scope)]
    if missing:
        raise MissingScope(missing)


class Guard:
    """Who is let in, and the record of who was not. Routes of the hub and endpoints of modules pass it alike."""

    def __init__(self, authenticator: Authenticator, audit: Audit | None = None) -> None:
        self._authenticator = authenticator
        self._audit = audit

    async def admit(self, asgi_scope: AsgiScope, needed: frozenset[str], *, in_part: Sequence[Scope] = ()) -> Principal:
        """Who makes this request, if it may be made. Raises what `Authenticator.identify` and `authorise` raise."""
        try:
            principal = await self._authenticator.identify(asgi_scope)
        except (InvalidToken, MissingCsrfToken) as error:
            self.note(error, None)
            raise
        try:
            authorise(principal, needed, in_part=in_part)
        except MissingScope as error:
            self.note(error, principal)
            raise
        return principal

    def note(self, refusal: HubError, principal: Principal | None) -> None:
        """Put a refusal into the audit log; what is none is passed over."""
        if self._audit is None:
            return
        by = _NOBODY if principal is None else principal.id
        about = None if principal is None else principal.on_behalf_of
        if isinstance(refusal, MissingScope):
            self._audit.note(AuditEvent.REFUSED, by=by, about=about, allowed=False, missing=" ".join(refusal.missing))
        elif isinstance(refusal, InvalidToken):
            self._audit.note(AuditEvent.REFUSED, by=by, about=about, allowed=False, token=refusal.fault.value)
        elif isinstance(refusal, MissingCsrfToken | NotForModules):
            self._audit.note(AuditEvent.REFUSED, by=by, about=about, allowed=False, reason=type(refusal).__name__)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a route asks for. `known_caller`: whoever it is, somebody."""

    scopes: tuple[Scope, ...] = ()
    in_part: tuple[Scope, ...] = ()
    known_caller: bool = False

    @property
    def is_public(self) -> bool:
        return not (self.scopes or self.in_part or self.known_caller)


class Requires:
    """A dependency that stands for the principal and says which scopes, all of them, the route asks for."""

    def __init__(self, scopes: tuple[Scope, ...], *, in_part: bool = False) -> None:
        if not scopes:
            raise ValueError("a route that requires a token must say which scope it is for")
        self.scopes = tuple(Scope(scope) for scope in scopes)
        self.in_part = in_part

    def __call__(self, request: Request) -> Principal:
        return _principal(request)


class KnownCallerDependency:
    """A dependency that stands for the principal of a route any principal may call."""

    def __call__(self, request: Request) -> Principal:
        return _principal(request)


class Public:
    """A dependency that says: no token needed."""

    def __call__(self) -> None:
        return None


def requires(*scopes: Scope) -> Any:
    """Ask for all of `scopes`. Use it as `Annotated[Principal, requires(Scope.CHAT)]`."""
    return Depends(Requires(scopes))


def requires_part(*scopes: Scope) -> Any:
    """Ask for each of `scopes` or a narrowing of it. The endpoint then demands the narrowing that the call is about:
    `principal.demand(Scope.READ_EVENTS.narrowed(stream))`."""
    return Depends(Requires(scopes, in_part=True))


KnownCaller = Annotated[Principal, Depends(KnownCallerDependency())]
"""For a route about the caller itself, which needs no scope."""

PUBLIC: Any = Depends(Public())
"""For the `dependencies` of a route that anybody may call."""


class GuardedRoute(IdempotentRoute):
    """A route that lets a call in only after its token and scopes were checked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        wanted = _declared(self)
        if wanted.is_public:
            return handle

        needed = frozenset(map(str, wanted.scopes))

        async def guarded(request: Request) -> Response:
            guard: Guard | None = getattr(request.app.state, "guard", None)
            if guard is None:
                raise NotReady
            principal = await guard.admit(request.scope, needed, in_part=wanted.in_part)
            request.state.principal = principal
            try:
                return await handle(request)
            except (MissingScope, NotForModules) as error:  # what only the body could tell
                guard.note(error, principal)
                raise

        return guarded


def scopes_of(route: BaseRoute) -> tuple[Scope, ...]:
    """The scopes a route asks for, whole or in part, in the order declared; () for one that asks for none."""
    declared = _declared_by(route)
    return tuple(dict.fromkeys((*declared.scopes, *declared.in_part)))


def is_public(route: BaseRoute) -> bool:
    """Whether anybody may call the route."""
    return _declared_by(route).is_public


def _declared_by(route: BaseRoute) -> Declared:
    if not isinstance(route, GuardedRoute):
        raise TypeError(f"{route!r} is not guarded")
    return _declared(route)


def _declared(route: APIRoute) -> Declared:
    calls = list(_calls(route.dependant))
    wants = [call for call in calls if isinstance(call, Requires)]
    found = Declared(
        scopes=tuple(dict.fromkeys(scope for call in wants if not call.in_part for scope in call.scopes)),
        in_part=tuple(dict.fromkeys(scope for call in wants if call.in_part for scope in call.scopes)),
        known_caller=any(isinstance(call, KnownCallerDependency) for call in calls),
    )
    if found.is_public != any(isinstance(call, Public) for call in calls):
        raise TypeError(f"{route.path} must declare either the scopes it requires or PUBLIC")
    return found


def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal  # put there by the guard
    return principal


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
