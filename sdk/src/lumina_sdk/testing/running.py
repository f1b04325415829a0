"""A module, run in the test's own process against a fake hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from lumina_sdk.app import Module
from lumina_sdk.contract import Event, NewEvent
from lumina_sdk.runtime.application import create_application
from lumina_sdk.testing.fake_hub import FakeHub

__all__ = ["RunningModule", "run_module"]


class RunningModule:
    """A module between its start and its end.

    Calls reach it as the hub's gateway sends them: with a token for the caller, and without the caller's own.
    """

    def __init__(self, module: Module[Any], hub: FakeHub, app: ASGIApp, scopes: Iterable[str]) -> None:
        self.module, self.hub = module, hub
        self._scopes = tuple(scopes)
        self._app = app

    def client(self, principal: str = "user:tester", scopes: Iterable[str] | None = None) -> httpx.AsyncClient:
        """An HTTP client that calls the module as `principal`, for whom it may do `scopes`; by default all it may."""
        token = self.hub.token(principal, self._scopes if scopes is None else scopes)
        return self._client({"X-Lumina-Authorization": f"Bearer {token}", "X-Request-ID": "test"})

    def stranger(self) -> httpx.AsyncClient:
        """An HTTP client without a token of the hub's."""
        return self._client({})

    async def deliver(self, stream: str, data: dict[str, Any] | None = None, *, id: str | None = None) -> Event:
        """Give an event to its handler and wait for it; what the handler raises is raised here."""
        handler = next((one for one in self.module.handlers if one.stream == stream), None)
        if handler is None:
            raise LookupError(f"the module does not handle {stream!r}")
        event = self.hub.events.publish_new("core", NewEvent(stream=stream, data=data or {}, id=id))
        await handler.function(handler.data.model_validate(event.data) if handler.data else event)
        return event

    async def run_job(self, name: str) -> None:
        """Run a job and wait for it; what it raises is raised here."""
        job = next((one for one in self.module.jobs if one.name == name), None)
        if job is None:
            raise LookupError(f"the module has no job {name!r}")
        await job.function()

    def _client(self, headers: dict[str, str]) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://module", headers=headers)


@asynccontextmanager
async def run_module(
    module: Module[Any],
    hub: FakeHub,
    *,
    name: str = "tested",
    scopes: Iterable[str] = ("admin:hub",),
    config: dict[str, Any] | None = None,
    pump: bool = False,
) -> AsyncGenerator[RunningModule]:
    """Start a module, and stop it at the end.

    Args:
        module: The module.
        hub: The hub it talks to, as `module:<name>`.
        name: The module's name.
        scopes: What it was granted.
        config: Its settings.
        pump: Let it ask the hub for its events, as it does when it runs. Else `deliver` them.
    """
    client = hub.client(f"module:{name}", scopes)
    app = create_application(module, client, config or {}, pump=pump)
    async with client, _lifespan(app):
        yield RunningModule(module, hub, app, scopes)


@asynccontextmanager
async def _lifespan(app: ASGIApp) -> AsyncGenerator[None]:
    """The lifespan of an ASGI application, in a task of its own as in a server. What its start raises is raised."""
    told, said = asyncio.Queue[Message](), asyncio.Queue[Message]()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    life = asyncio.ensure_future(app(scope, told.get, said.put))

    async def step(name: str) -> None:
        told.put_nowait({"type": f"lifespan.{name}"})
        answer = asyncio.ensure_future(said.get())
        await asyncio.wait({life, answer}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and answer.result()["type"] == f"lifespan.{name}.complete":
            return
        answer.cancel()
        await life
        raise RuntimeError(f"the module did not come through its {name}")

    await step("startup")
    try:
        yield
    finally:
        await step("shutdown")
        await life
