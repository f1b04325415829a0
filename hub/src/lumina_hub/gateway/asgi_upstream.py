"""A module in the hub's own process, for tests: an ASGI application behind the same seam as a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from lumina_hub.errors import HubError, UpstreamBroken, UpstreamTimeout
from lumina_hub.gateway.headers import RawHeaders
from lumina_hub.gateway.upstream import UpstreamRequest, UpstreamResponse, UpstreamSocket

__all__ = ["AsgiUpstream"]


class AsgiUpstream:
    """Passes the contract tests of `HttpUpstream`. `requests` are those it was sent, in order."""

    def __init__(self, module: str, app: ASGIApp) -> None:
        self.host = module.encode()
        self.requests: list[UpstreamRequest] = []
        self.closed = False
        self._module = module
        self._app = app

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        self.requests.append(request)
        call = _Call(self._module, self._app, request, _scope(request, "http"), _body(request))
        response = _Response(self._module, call, request)
        try:
            await response.begin()
        except BaseException:
            call.cancel()
            raise
        return response

    async def open_socket(self, request: UpstreamRequest, subprotocols: Sequence[str]) -> UpstreamSocket:
        self.requests.append(request)
        scope = _scope(request, "websocket") | {"subprotocols": list(subprotocols)}
        socket = _Socket(_Call(self._module, self._app, request, scope, None))
        await socket.begin(request.timeouts.first_s)
        return socket

    async def close(self) -> None:
        self.closed = True


class _Call:
    """The application at work. At most one message of each side waits for the other."""

    def __init__(
        self,
        module: str,
        app: ASGIApp,
        request: UpstreamRequest,
        scope: dict[str, Any],
        body: AsyncIterator[Message] | None,
    ) -> None:
        self._module = module
        self._body = body
        self.to_app: asyncio.Queue[Message] = asyncio.Queue(1)
        self._from_app: asyncio.Queue[Message | Exception] = asyncio.Queue(1)
        self._task = asyncio.create_task(self._run(app, scope))

    async def next(self, timeout_s: float | None) -> Message:
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._from_app.get()
        except TimeoutError as error:
            raise UpstreamTimeout(self._module, timeout_s or 0.0) from error
        if isinstance(found, Exception):
            raise found
        return found

    def cancel(self) -> None:
        self._task.cancel()

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        of_body: Exception | None = None

        async def receive() -> Message:
            nonlocal of_body
            if self._body is not None:
                try:
                    return await anext(self._body)
                except StopAsyncIteration:
                    self._body = None
                except Exception as error:
                    of_body = error
                    raise
            return await self.to_app.get()

        failure = UpstreamBroken(self._module, "it hung up")
        try:
            await app(scope, receive, self._from_app.put)
        except Exception as error:
            failure = UpstreamBroken(self._module, f"it failed ({type(error).__name__})")
        await self._from_app.put(of_body or failure)


class _Response:
    def __init__(self, module: str, call: _Call, request: UpstreamRequest) -> None:
        self._module = module
        self._call = call
        self._timeouts = request.timeouts
        self._bodiless = request.method == "HEAD"
        self.status = 0
        self.headers: RawHeaders = []

    async def begin(self) -> None:
        message = await self._call.next(self._timeouts.first_s)
        self.status = message["status"]
        self.headers = [(name.lower(), value) for name, value in message.get("headers", ())]

    async def read(self) -> tuple[bytes, bool]:
        if self._bodiless:
            return b"", False
        message = await self._call.next(self._timeouts.between_s)
        return message.get("body", b""), message.get("more_body", False)

    def close(self) -> None:
        self._call.cancel()


class _Socket:
    def __init__(self, call: _Call) -> None:
        self._call = call
        self.subprotocol: str | None = None
        self.close_code = 1006
        self.close_reason = ""

    async def begin(self, timeout_s: float) -> None:
        await self._call.to_app.put({"type": "websocket.connect"})
        try:
            message = await self._call.next(timeout_s)
            if message["type"] != "websocket.accept":
                raise UpstreamBroken(self._call._module, "it did not accept the WebSocket")
        except BaseException:
            self._call.cancel()
            raise
        self.subprotocol = message.get("subprotocol")

    async def receive(self) -> str | bytes | None:
        try:
            message = await self._call.next(None)
        except HubError:
            return None
        if message["type"] == "websocket.close":
            self.close_code = message.get("code", 1000)
            self.close_reason = message.get("reason") or ""
            return None
        text: str | None = message.get("text")
        data: str | bytes = text if text is not None else message["bytes"]
        return data

    async def send(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._call.to_app.put({"type": "websocket.receive", kind: message})

    async def close(self, code: int, reason: str) -> None:
        if self._call.to_app.empty():
            await self._call.to_app.put({"type": "websocket.disconnect", "code": code, "reason": reason})


async def _body(request: UpstreamRequest) -> AsyncIterator[Message]:
    if isinstance(request.body, bytes):
        yield {"type": "http.request", "body": request.body, "more_body": False}
        return
    async for piece in request.body:
        yield {"type": "http.request", "body": piece, "more_body": True}
    yield {"type": "http.request", "body": b"", "more_body": False}


def _scope(request: UpstreamRequest, kind: str) -> dict[str, Any]:
    path, _, query = request.target.partition(b"?")
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": request.headers,
        "client": None,
        "server": None,
        "extensions": {},
    }
