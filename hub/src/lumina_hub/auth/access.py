"""The one place where a call is let in or refused.

Every route is a `GuardedRoute`. It declares who may call it, in its signature or its dependencies:
`requires(Scope.CHAT)` or `PUBLIC`. A route that declares neither, or both, cannot be made. The guard runs before the
body is read.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from lumina_hub.auth.principal import Principal
from lumina_hub.auth.tokens import Authenticator
from lumina_hub.errors import NotReady
from lumina_sdk.contract import Scope

__all__ = ["PUBLIC", "GuardedRoute", "Public", "Requires", "is_public", "requires", "scopes_of"]


class Requires:
    """A dependency that stands for the principal and says which scopes, all of them, the route asks for."""

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        if not scopes:
            raise ValueError("a route that requires a token must say which scope it is for")
        self.scopes = tuple(Scope(scope) for scope in scopes)

    def __call__(self, request: Request) -> Principal:
        principal: Principal = request.state.principal  # put there by the guard
        return principal


class Public:
    """A dependency that says: no token needed."""

    def __call__(self) -> None:
        return None


def requires(*scopes: Scope) -> Any:
    """Ask for all of `scopes`. Use it as `Annotated[Principal, requires(Scope.CHAT)]`."""
    return Depends(Requires(scopes))


PUBLIC: Any = Depends(Public())
"""For the `dependencies` of a route that anybody may call."""


class GuardedRoute(APIRoute):
    """A route that lets a call in only after its token and scopes were checked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        wanted = _declared(self)
        if not wanted:
            return handle

        async def guarded(request: Request) -> Response:
            authenticator: Authenticator | None = getattr(request.app.state, "authenticator", None)
            if authenticator is None:
                raise NotReady
            principal = await authenticator.identify(request.headers.get("authorization"))
            principal.demand(*wanted)
            request.state.principal = principal
            return await handle(request)

        return guarded


def scopes_of(route: BaseRoute) -> tuple[Scope, ...]:
    """The scopes a route asks for, in the order declared; () for a public one."""
    if not isinstance(route, GuardedRoute):
        raise TypeError(f"{route!r} is not guarded")
    return _declared(route)


def is_public(route: BaseRoute) -> bool:
    """Whether anybody may call the route."""
    return not scopes_of(route)


def _declared(route: APIRoute) -> tuple[Scope, ...]:
    calls = list(_calls(route.dependant))
    wanted = tuple(dict.fromkeys(scope for call in calls if isinstance(call, Requires) for scope in call.scopes))
    public = any(isinstance(call, Public) for call in calls)
    if bool(wanted) == public:
        raise TypeError(f"{route.path} must declare either the scopes it requires or PUBLIC")
    return wanted


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
