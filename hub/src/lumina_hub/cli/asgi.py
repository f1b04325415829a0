"""An httpx transport to an ASGI application in this process, which hands on a response while it is still being made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any, Protocol

import httpx

__all__ = ["StreamingAsgiTransport"]

Message = MutableMapping[str, Any]


class AsgiApplication(Protocol):
    async def __call__(self, asgi_scope: Message, receive: Any, send: Any, /) -> None: ...


class StreamingAsgiTransport(httpx.AsyncBaseTransport):
    """What `httpx.ASGITransport` does, without holding the whole body back until the application is done."""

    def __init__(self, app: AsgiApplication) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(await request.aread())
        asgi_scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "path": request.url.path,
            "raw_path": request.url.raw_path.split(b"?")[0],
            "query_string": request.url.query,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 0),
            "root_path": "",
        }
        exchange.serve(self._app(asgi_scope, exchange.receive, exchange.send))
        start = await exchange.started()
        return httpx.Response(start["status"], headers=start["headers"], stream=exchange)


class _Exchange(httpx.AsyncByteStream):
    """One request and its response. Small buffer: an application faster than its reader waits for it."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(maxsize=8)
        self._gone = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def serve(self, call: Any) -> None:
        self._task = asyncio.ensure_future(self._run(call))

    async def _run(self, call: Any) -> None:
        try:
            await call
        finally:
            if not self._gone.is_set():
                await self._messages.put(None)

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._gone.is_set():
            await self._messages.put(message)

    async def started(self) -> Message:
        message = await self._messages.get()
        if message is None:
            await self.aclose()
            raise httpx.RemoteProtocolError("the application ended without a response")
        return message

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._messages.get()
            if message is None:
                await self.aclose()
                raise httpx.RemoteProtocolError("the application ended in the middle of a response")
            if body := message.get("body", b""):
                yield body
            more = message.get("more_body", False)

    async def aclose(self) -> None:
        """Tell the application that its reader is gone, and wait for it. Its error, if it had one, comes out here."""
        self._gone.set()
        while not self._messages.empty():
            self._messages.get_nowait()
        if self._task is not None:
            task, self._task = self._task, None
            await task
