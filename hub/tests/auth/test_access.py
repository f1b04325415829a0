"""Every route is walked: what is not declared public refuses without a token and without its scopes."""

from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from lumina_hub import problems
from lumina_hub.app import ROUTES, create_app
from lumina_hub.auth.access import (
    PUBLIC,
    Guard,
    GuardedRoute,
    is_public,
    requires,
    requires_part,
    scopes_of,
)
from lumina_hub.auth.authenticator import Authenticator
from lumina_hub.auth.principal import Principal
from lumina_hub.settings import Settings
from lumina_sdk.contract import Scope, ScopeSet

PUBLIC_OPERATIONS = {
    ("GET", "/"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/healthz"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/docs"),
    ("GET", "/api/v1/schemas/manifest.json"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("POST", "/api/v1/session"),  # these three carry a secret of their own
    ("POST", "/oauth/token"),
    ("POST", "/oauth/revoke"),
}
GUARDED = [
    pytest.param(route, method, id=f"{method} {route.path}")  # type: ignore[attr-defined]
    for route in ROUTES
    if not is_public(route)
    for method in sorted(route.methods)  # type: ignore[attr-defined]
]


_PLACES = {
    "article_id": "a",
    "collection": "almanac.days",
    "gap_id": "g",
    "job_id": "j",
    "key": "k",
    "name": "ann",
    "pad_id": "p",
    "path": "a/b",
    "queue": "crawl:queue",
    "token_id": "0",
    "turn_id": "t",
}


class TableOfTokens:
    """A token store that names the scopes a token was granted: `scoped:read:graph,chat`."""

    async def find(self, token: str) -> Principal | None:
        name, _, scopes = token.partition(":")
        return Principal("tester", ScopeSet(filter(None, scopes.split(",")))) if name == "scoped" else None


@pytest.fixture
async def client(settings: Settings) -> httpx.AsyncClient:
    """A hub whose guard stands, and which has nothing behind it: what gets through ends as a 503."""
    app = create_app(settings)
    app.state.guard = Guard(Authenticator([TableOfTokens()]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub")


async def call(client: httpx.AsyncClient, route: BaseRoute, method: str, token: str | None) -> httpx.Response:
    path = route.path_format.format_map(_PLACES)  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return await client.request(method, path, headers=headers, content=b"not json")


def test_only_these_routes_are_public() -> None:
    public = {(method, route.path) for route in ROUTES if is_public(route) for method in route.methods}  # type: ignore[attr-defined]

    assert public == PUBLIC_OPERATIONS


def test_every_route_is_guarded() -> None:
    assert all(isinstance(route, GuardedRoute) for route in ROUTES)
    assert len(GUARDED) > 20


@pytest.mark.parametrize(("route", "method"), GUARDED)
async def test_a_route_refuses_without_a_token(client: httpx.AsyncClient, route: BaseRoute, method: str) -> None:
    response = await call(client, route, method, token=None)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="lumina"'
    assert response.json()["type"] == "/problems/unauthenticated"


@pytest.mark.parametrize(("route", "method"), GUARDED)
async def test_a_route_refuses_a_stale_token(client: httpx.AsyncClient, route: BaseRoute, method: str) -> None:
    response = await call(client, route, method, token="lum_stale")

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("route", "method"), GUARDED)
async def test_a_route_refuses_every_scope_but_its_own(
    client: httpx.AsyncClient, route: BaseRoute, method: str
) -> None:
    for wanted in scopes_of(route):
        others = ",".join(scope for scope in Scope if wanted not in ScopeSet([scope]))

        response = await call(client, route, method, token=f"scoped:{others}")

        assert response.status_code == 403
        assert response.json()["type"] == "/problems/missing-scope"
        assert response.json()["missing_scope"] == wanted
        assert f'scope="{wanted}"' in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(("route", "method"), GUARDED)
async def test_a_route_lets_in_who_has_its_scopes_and_no_others(
    client: httpx.AsyncClient, route: BaseRoute, method: str
) -> None:
    response = await call(client, route, method, token="scoped:" + ",".join(scopes_of(route)))

    assert response.status_code not in (401, 403)


@pytest.mark.parametrize(("source", "missing"), [("/etc/passwd", "admin:hub"), ("https://example.org/", "use:network")])
async def test_where_a_source_lies_decides_which_scope_it_takes(
    client: httpx.AsyncClient, source: str, missing: str
) -> None:
    client._transport.app.state.runtime = type("Bare", (), {"ingest": None})()  # type: ignore[attr-defined]

    response = await client.post(
        "/api/v1/ingest", json={"source": source}, headers={"Authorization": "Bearer scoped:write:graph"}
    )

    assert response.json()["missing_scope"] == missing


@pytest.mark.parametrize(("route", "method"), GUARDED)
async def test_a_real_token_opens_a_route_with_its_scopes_and_not_without(hub, route: BaseRoute, method: str) -> None:  # type: ignore[no-untyped-def]
    wanted = scopes_of(route) or (Scope.CHAT,)
    allowed = (await hub.token(*wanted))["token"]

    response = await call(hub.client, route, method, token=allowed)
    assert response.status_code not in (401, 403)
    for scope in scopes_of(route):
        others = [other for other in Scope if scope not in ScopeSet([other])]
        refused = await call(hub.client, route, method, token=(await hub.token(*others))["token"])
        assert (refused.status_code, refused.json()["missing_scope"]) == (403, scope)
    refusals = [entry["details"]["missing"] for entry in await hub.audit(event="refused")]
    assert sorted(refusals) == sorted(scopes_of(route))


async def test_a_narrowing_is_enough_for_a_route_that_asks_for_a_part() -> None:
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/part")
    async def endpoint(principal: Annotated[Principal, requires_part(Scope.READ_EVENTS)], stream: str) -> str:
        principal.demand(Scope.READ_EVENTS.narrowed(stream))
        return "seen"

    app = FastAPI(routes=list(router.routes))
    problems.install(app)
    app.state.guard = Guard(Authenticator([TableOfTokens()]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:

        async def status(stream: str, *scopes: str) -> int:
            headers = {"Authorization": f"Bearer scoped:{','.join(scopes)}"}
            return (await client.get("/part", params={"stream": stream}, headers=headers)).status_code

        assert await status("graph:add", "read:events!stream=graph:add") == 200
        assert await status("graph:add", "read:events") == 200
        assert await status("graph:add", "admin:hub") == 200
        assert await status("qa:turn", "read:events!stream=graph:add") == 403
        assert await status("graph:add", "write:events") == 403


def test_a_route_that_declares_nothing_cannot_be_made() -> None:
    router = APIRouter(route_class=GuardedRoute)

    with pytest.raises(TypeError, match="must declare"):
        router.get("/open")(lambda: None)


def test_a_route_cannot_be_public_and_want_a_scope() -> None:
    router = APIRouter(route_class=GuardedRoute, dependencies=[PUBLIC])

    def endpoint(principal: Annotated[Principal, requires(Scope.CHAT)]) -> None:
        """Nothing."""

    endpoint.__annotations__["principal"] = Annotated[Principal, requires(Scope.CHAT)]
    with pytest.raises(TypeError, match="must declare"):
        router.get("/both")(endpoint)


def test_an_unknown_scope_fails_when_the_route_is_defined() -> None:
    with pytest.raises(ValueError, match="read:minds"):
        requires("read:minds")  # type: ignore[arg-type]


def test_a_guard_without_a_scope_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="which scope"):
        requires()
