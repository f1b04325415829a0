"""The way to a hub: the one that runs on this home, or one started here and stopped afterwards."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import psutil

from lumina_hub.cli.asgi import StreamingAsgiTransport
from lumina_hub.cli.failures import Failure, from_problem
from lumina_hub.cli.options import DEBUG, Globals
from lumina_hub.cli.progress import waiting
from lumina_hub.home import Home, HubAddress
from lumina_hub.settings import Settings

__all__ = ["HubConnection", "connect", "find_running"]

_PROBE_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 600.0


class HubConnection:
    """Requests to one hub. Every method raises `Failure` when the hub refuses or does not answer."""

    def __init__(self, client: httpx.AsyncClient, running: HubAddress | None) -> None:
        self._client = client
        self.running = running
        """None where the hub lives in this process and ends with the command."""

    async def get(self, path: str, **parameters: Any) -> bytes:
        """Read a resource. Parameters that are None are left out."""
        return await self._send("GET", path, parameters=parameters)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Send a request with a JSON body; fields that are None are left out."""
        said = None if body is None else {key: value for key, value in body.items() if value is not None}
        return await self._send("POST", path, body=said)

    async def patch(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Change a part of a resource."""
        return await self._send("PATCH", path, body=body)

    async def put(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Replace a resource by a JSON body."""
        return await self._send("PUT", path, body=body)

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[tuple[str, bytes], None]:
        """Send a request and read its answer as server-sent events: their names, and their data as JSON.

        An event `error` is raised. Close it (`aclosing`) when leaving early.
        """
        said = {key: value for key, value in body.items() if value is not None}
        headers = {"Accept": "text/event-stream"}
        async with self._client.stream("POST", path, json=said, headers=headers) as response:
            if response.is_error:
                raise from_problem(response.status_code, await response.aread())
            name = ""
            async for line in response.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name == "error":
                    raise from_problem(json.loads(value)["status"], value.encode())
                elif field == "data":
                    yield name, value.encode()

    async def delete(self, path: str, **parameters: Any) -> bytes:
        return await self._send("DELETE", path, parameters=parameters)

    async def stream(self, path: str) -> AsyncGenerator[bytes, None]:
        """Read a resource piece by piece, as the hub sends it. Close it (`aclosing`) when leaving early."""
        async with self._client.stream("GET", path) as response:
            if response.is_error:
                raise from_problem(response.status_code, await response.aread())
            async for piece in response.aiter_bytes():
                yield piece

    async def _send(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> bytes:
        query = {key: value for key, value in (parameters or {}).items() if value is not None}
        try:
            response = await self._client.request(method, path, params=query, json=body)
        except httpx.TransportError as error:
            where = f"The hub at {self.running.url}" if self.running else "The hub"
            raise Failure(
                f"{where} stopped answering: {error or type(error).__name__}.",
                hint="Everything it acknowledged is kept. `lumina status` says whether it runs, `lumina up` starts it.",
            ) from error
        if response.is_error:
            raise from_problem(response.status_code, response.content)
        return response.content


@asynccontextmanager
async def connect(said: Globals) -> AsyncIterator[HubConnection]:
    """Reach the hub of a home.

    Raises:
        HomeLocked: no hub answers there, yet another process holds the home.
        InvalidInput: the owner token cannot be read.
    """
    settings = said.settings()
    home = Home(settings.home)
    running = await find_running(settings)
    if running is not None:
        async with httpx.AsyncClient(
            base_url=running.url,
            headers=_authorisation(home),
            timeout=_READ_TIMEOUT_S,
            verify=_trusted(settings),
            trust_env=False,
        ) as client:
            yield HubConnection(client, running)
        return

    from lumina_hub.app import create_app
    from lumina_hub.logs import configure_logs

    Home.open(settings.home)
    configure_logs(settings.home / "logs", level="debug" if os.environ.get(DEBUG) else "warning")
    app = create_app(settings)
    async with AsyncExitStack() as stack:
        with waiting("Starting Lumina"):
            await stack.enter_async_context(app.router.lifespan_context(app))
        client = httpx.AsyncClient(
            transport=StreamingAsgiTransport(app),
            base_url="http://localhost",
            headers=_authorisation(home),
            timeout=None,  # noqa: S113 - the hub is this process: there is nothing to wait for in vain
        )
        yield HubConnection(await stack.enter_async_context(client), None)


async def find_running(settings: Settings) -> HubAddress | None:
    """The hub that holds this home, if its process lives and it answers; what a killed one left is passed over."""
    address = Home(settings.home).read_address()
    if address is None or not psutil.pid_exists(address.pid):
        return None
    async with httpx.AsyncClient(
        base_url=address.url, timeout=_PROBE_TIMEOUT_S, verify=_trusted(settings), trust_env=False
    ) as client:
        try:
            response = await client.get("/livez")
        except httpx.TransportError:
            return None
    return address if response.is_success else None


def _trusted(settings: Settings) -> ssl.SSLContext | bool:
    """What a hub's certificate is checked against: the operator's own, where there is one."""
    return ssl.create_default_context(cafile=settings.tls_cert) if settings.tls_cert else True


def _authorisation(home: Home) -> dict[str, str]:
    return {"Authorization": f"Bearer {home.read_owner_token()}"}
