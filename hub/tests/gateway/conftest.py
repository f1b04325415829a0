"""Modules and gateways, in process and on sockets."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from lumina_hub.auth.principal import Principal
from lumina_hub.errors import InvalidToken, MissingScope, Unauthenticated
from lumina_hub.gateway.asgi_upstream import AsgiUpstream
from lumina_hub.gateway.gateway import Gateway
from lumina_hub.gateway.metrics import GatewayMetrics
from lumina_hub.gateway.table import ModuleRoutes, RouteTable
from lumina_hub.gateway.upstream import Upstream
from lumina_sdk.contract import ScopeSet
from lumina_sdk.contract.manifest import Endpoint

READ = "read:almanac"
_PATIENCE_S = 60.0


def endpoint(path: str = "/api/v1/almanac", method: str = "GET", **more: Any) -> Endpoint:
    return Endpoint.model_validate(
        {"path": path, "method": method, "description": "Tells the weather.", "scopes": (READ,)} | more
    )


class Guard:
    """Lets in `Bearer <name>:<scope>,<scope>`."""

    async def admit(self, asgi_scope: Scope, needed: frozenset[str]) -> Principal:
        given = dict(asgi_scope["headers"]).get(b"authorization", b"").decode()
        if not given:
            raise Unauthenticated
        name, _, scopes = given.removeprefix("Bearer ").partition(":")
        if name == "stale":
            raise InvalidToken
        missing = needed - set(scopes.split(","))
        if missing:
            raise MissingScope(sorted(missing))
        return Principal(name, frozenset(scopes.split(",")))


@dataclass(frozen=True)
class Token:
    text: str


class Issuer:
    def on_behalf(self, principal: Principal, slug: str, scopes: ScopeSet) -> Token:
        return Token(f"{principal.id} through {slug} may {scopes}")


class Clock:
    """Goes on when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """The hub's own routes: what the gateway does not take."""
    await send({"type": "http.response.start", "status": 404, "headers": [(b"x-who", b"hub")]})
    await send({"type": "http.response.body", "body": b"the hub itself"})


Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class InProcess:
    """A gateway with modules in process, and a client of it."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self.apps: dict[str, ASGIApp] = {}
        self.upstreams: dict[str, AsgiUpstream] = {}
        self.gateway = Gateway(GatewayMetrics(registry), connect=self._connect, now=clock)
        self.gateway.open(Guard(), Issuer())
        transport = httpx.ASGITransport(self.gateway.in_front_of(behind), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://hub", headers={"Authorization": f"Bearer ada:{READ}"}
        )

    def serve(self, *endpoints: Endpoint, slug: str = "almanac", app: ASGIApp | None = None) -> None:
        """Put one module behind the gateway."""
        self.apps[slug] = app or hello
        self.gateway.replace(RouteTable([routes(*endpoints, slug=slug)]))

    def _connect(self, slug: str, address: Path | str) -> Upstream:
        self.upstreams[slug] = upstream = AsgiUpstream(slug, self.apps[slug])
        return upstream


def routes(*endpoints: Endpoint, slug: str = "almanac", address: Path | str = "http://nowhere") -> ModuleRoutes:
    return ModuleRoutes(slug, address, endpoints, ScopeSet([f"read:{slug}"]))


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
async def inside(registry: CollectorRegistry, clock: Clock) -> AsyncIterator[InProcess]:
    parts = InProcess(registry, clock)
    yield parts
    await parts.gateway.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        self.listens.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, **where: Any) -> AsyncIterator[uvicorn.Server]:
    """A real server while the block runs: `uds=` or `port=`."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        http="httptools",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
        server_header=False,
        **where,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await server.listens.wait()
        yield server
    finally:
        server.should_exit = server.force_exit = True
        await task


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder with a name short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="lumina-") as folder:
        yield Path(folder)


@dataclass
class OnSockets:
    """A gateway behind a real server."""

    gateway: Gateway
    port: int
    client: httpx.AsyncClient


@asynccontextmanager
async def gateway_on_sockets(table: RouteTable, registry: CollectorRegistry) -> AsyncIterator[OnSockets]:
    gateway = Gateway(GatewayMetrics(registry))
    gateway.open(Guard(), Issuer())
    gateway.replace(table)
    async with serving(gateway.in_front_of(behind), port=0) as server:
        port = server.servers[0].sockets[0].getsockname()[1]
        headers = {"Authorization": f"Bearer ada:{READ}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=_PATIENCE_S
        ) as client:
            try:
                yield OnSockets(gateway, port, client)
            finally:
                await gateway.close()
