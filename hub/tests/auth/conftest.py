"""A hub of which only authentication stands: real Redis, real log, real keys, and a clock that tests turn."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.drivers.redis_server import RedisServer
from lumina_core.graph.log import GraphLog
from lumina_hub.app import create_app
from lumina_hub.auth.audit.events import AUDIT
from lumina_hub.auth.opening import Auth, open_auth
from lumina_hub.errors import NotReady
from lumina_hub.home import Home
from lumina_hub.settings import Settings

PASSWORD = "four words not belonging"


class Clock:
    """Both clocks of the hub. They stand still unless a test turns them."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with asyncio.Runner() as runner:
        server = runner.run(RedisServer.start(tmp_path_factory.mktemp("redis")))
        yield server.url
        runner.run(server.stop())


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = connect_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[GraphLog]:
    with GraphLog.open(tmp_path / "graphs") as opened:
        yield opened


@pytest.fixture
async def auth(settings: Settings, redis: RedisClient, log: GraphLog, clock: Clock) -> AsyncIterator[Auth]:
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    home = Home.open(settings.home)
    async with open_auth(home, redis, log, settings, hasher=quick, clock=clock, ticks=clock) as opened:
        yield opened


class OnlyAuth:
    """A runtime of which nothing but authentication has been opened yet."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth

    def __getattr__(self, name: str) -> Any:
        raise NotReady


@dataclass
class Hub:
    """The hub as its callers see it. `client` sends what it is told and keeps no cookies but those it was given."""

    auth: Auth
    client: httpx.AsyncClient
    owner: dict[str, str]
    log: GraphLog

    async def token(self, *scopes: str, by: dict[str, str] | None = None, **more: object) -> dict[str, Any]:
        response = await self.client.post(
            "/api/v1/tokens", json={"name": "test", "scopes": scopes, **more}, headers=by or self.owner
        )
        assert response.status_code == 201, response.text
        issued: dict[str, Any] = response.json()
        return issued

    async def bearer(self, *scopes: str, by: dict[str, str] | None = None) -> dict[str, str]:
        """Headers with a new token of these scopes."""
        return bearer((await self.token(*scopes, by=by))["token"])

    async def user(self, name: str, role: str = "member", password: str = PASSWORD) -> None:
        response = await self.client.post(
            "/api/v1/users", json={"name": name, "role": role, "password": password}, headers=self.owner
        )
        assert response.status_code == 201, response.text

    async def log_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        response = await self.client.post("/api/v1/session", json={"name": name, "password": password}, headers=headers)
        self.client.cookies.clear()
        return response

    async def session(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        """Headers of a browser in which somebody has logged in, CSRF token included."""
        response = await self.log_in(name, password)
        assert response.status_code == 201, response.text
        return {"Cookie": f"lumina_session={cookie_of(response)}", "X-CSRF-Token": response.json()["csrf_token"]}

    async def whoami(self, headers: dict[str, str]) -> dict[str, Any]:
        response = await self.client.get("/api/v1/whoami", headers=headers)
        assert response.status_code == 200, response.text
        said: dict[str, Any] = response.json()
        return said

    async def audit(self, **filters: object) -> list[dict[str, Any]]:
        """The audit log, newest first; all that was noted is in it."""
        self.auth.audit.settle(all_of_them=True)
        await asyncio.wrap_future(self.log.append(AUDIT, []))  # what was appended before is on the disk by then
        response = await self.client.get("/api/v1/audit", params={"limit": 1000, **filters}, headers=self.owner)
        assert response.status_code == 200, response.text
        entries: list[dict[str, Any]] = response.json()["entries"]
        return entries

    def audit_text(self) -> str:
        """Everything the log's files hold."""
        return "".join(path.read_text() for path in sorted(self.log.root.rglob("audit.ndjson")))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie_of(response: httpx.Response) -> str:
    (header,) = response.headers.get_list("set-cookie")
    return str(header.partition("=")[2].partition(";")[0])


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
async def hub(auth: Auth, settings: Settings, log: GraphLog) -> AsyncIterator[Hub]:
    app = create_app(settings)
    app.state.runtime = OnlyAuth(auth)
    app.state.guard = auth.guard
    owner = bearer((settings.home / "owner.token").read_text().strip())
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield Hub(auth, client, owner, log)
