"""One request on its way to a module and back, in plain ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive, Send

from lumina_hub.errors import BodyTooLarge, RequestTimeout
from lumina_hub.gateway.headers import RawHeaders, response_headers
from lumina_hub.gateway.upstream import Upstream, UpstreamRequest

__all__ = ["BrokenOff", "Caller", "CallerGone", "forward"]

_WATCH_AFTER_S = 0.05
"""A call that is over sooner is not watched: whoever hung up meanwhile loses nothing."""


class CallerGone(Exception):
    """Whoever asked has hung up."""


class BrokenOff(Exception):
    """A module failed in the middle of its response. The server closes the connection, so that the caller can tell."""


class Caller:
    """What the caller sends, and whether it is still there. Make it in the task that serves the request."""

    __slots__ = ("_receive", "_serving", "_timer", "_watching", "gone")

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._serving = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def body(
        self, headers: RawHeaders, *, limit_bytes: int, timeout_s: float
    ) -> tuple[bytes | AsyncIterator[bytes], int | None]:
        """The body and its length: whole where it has already come, else its pieces as they come.

        Once it is through, a caller who hangs up has the task that serves it cancelled, and `gone` set.

        Raises:
            BodyTooLarge: it says that it is larger than `limit_bytes`. The pieces raise it where it did not say.
            RequestTimeout: its first piece does not come for `timeout_s`.
            CallerGone: the caller hung up before it was there.
        """
        length: int | None = None
        chunked = False
        for name, value in headers:
            if name == b"content-length":
                length = int(value)  # the server has checked that it is one number
            elif name == b"transfer-encoding":
                chunked = True
        if length is None and not chunked:
            self._watch()
            return b"", 0
        if length is not None and length > limit_bytes:
            raise _too_large(limit_bytes)
        try:
            async with asyncio.timeout(timeout_s):
                first, more = await self._next()
        except TimeoutError as error:
            raise RequestTimeout(timeout_s) from error
        if len(first) > limit_bytes:
            raise _too_large(limit_bytes)
        if more:
            return self._pieces(first, limit_bytes), length
        self._watch()
        return first, len(first)

    def leave(self) -> None:
        """The request is served."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    async def _pieces(self, first: bytes, limit_bytes: int) -> AsyncIterator[bytes]:
        seen = len(first)
        yield first
        more = True
        while more:
            piece, more = await self._next()
            seen += len(piece)
            if seen > limit_bytes:
                raise _too_large(limit_bytes)
            if piece:
                yield piece
        self._watch()

    async def _next(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
            raise CallerGone
        return message.get("body", b""), message.get("more_body", False)

    def _watch(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._begin_watching)

    def _begin_watching(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._serving is not None:
            self._serving.cancel()


async def forward(upstream: Upstream, request: UpstreamRequest, send: Send, request_id: bytes) -> int:
    """Carry the request to the module and its response to the caller as it comes; return the status.

    Raises:
        ModuleError: nothing was sent to the caller yet.
        BrokenOff: something was; its cause is what went wrong.
        CallerGone: the caller hung up while it sent its request.
    """
    response = await upstream.send(request)
    try:
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": response_headers(response.headers, request_id),
            }
        )
        more = True
        while more:
            try:
                piece, more = await response.read()
            except CallerGone:
                raise
            except Exception as error:
                raise BrokenOff from error
            await send({"type": "http.response.body", "body": piece, "more_body": more})
        return response.status
    finally:
        response.close()


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(limit_bytes, hint="Send less; the module's manifest sets the limit of each endpoint.")
