"""The gateway where it stands: in front of the hub's own routes, behind CORS."""

from __future__ import annotations

import httpx
import pytest

from lumina_hub.app import ROUTES, HubApp, create_app
from lumina_hub.auth.principal import Principal
from lumina_hub.gateway.asgi_upstream import AsgiUpstream
from lumina_hub.gateway.gateway import Gateway
from lumina_hub.gateway.table import ModuleRoutes, RouteTable
from lumina_hub.settings import Settings
from lumina_sdk.contract import ScopeSet
from lumina_sdk.contract.manifest import Endpoint

PATH = "/api/v1/almanac"


class Guard:
    async def admit(self, asgi_scope: object, needed: frozenset[str]) -> Principal:
        return Principal("ada", needed)


class Token:
    text = "token"


class Issuer:
    def on_behalf(self, principal: Principal, slug: str, scopes: ScopeSet) -> Token:
        return Token()


async def hello(scope: object, receive: object, send: object) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b"hello"})  # type: ignore[operator]


def client_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> tuple[HubApp, httpx.AsyncClient]:
    made = Endpoint(path=PATH, method="GET", description="Tells the weather.", scopes=("read:almanac",))  # type: ignore[arg-type]
    app = create_app(settings)
    monkeypatch.setattr(app.gateway, "_connect", lambda slug, _: AsgiUpstream(slug, hello))
    reserved = [route.path for route in ROUTES]  # type: ignore[attr-defined]
    app.gateway.open(Guard(), Issuer())
    app.gateway.replace(RouteTable([ModuleRoutes("almanac", "http://nowhere", (made,))], reserved=reserved))
    return app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub")


async def test_modules_and_the_hubs_own_routes_live_side_by_side(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = client_of(settings, monkeypatch)

    assert isinstance(app.gateway, Gateway)
    assert (await client.get(PATH)).text == "hello"
    assert (await client.get("/livez")).status_code == 200
    unknown = await client.get("/api/v1/almanac/more")
    assert unknown.json()["type"] == "/problems/unknown-route"
    assert unknown.headers["X-Request-ID"]


async def test_a_path_with_two_readings_is_refused_for_the_hubs_own_routes_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = client_of(settings, monkeypatch)

    response = await client.get(httpx.URL("http://hub", raw_path=b"/api/v1/chat/..%2f"))

    assert response.status_code == 400
    assert response.json()["type"] == "/problems/ambiguous-path"


async def test_a_page_of_an_allowed_origin_may_call_a_module(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = "https://ui.example"
    _, client = client_of(settings.model_copy(update={"cors_origins": (origin,)}), monkeypatch)

    asked = await client.options(PATH, headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    called = await client.get(PATH, headers={"Origin": origin})

    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert (called.text, called.headers["Access-Control-Allow-Origin"]) == ("hello", origin)
