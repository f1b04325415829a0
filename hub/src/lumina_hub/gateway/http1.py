"""One connection to a module: HTTP/1.1 as the gateway needs it, over any stream.

llhttp (through `httptools`) reads the responses; nothing here is lenient. Measured against aiohttp's client in
`bench/gateway.py`; see ADR 0018.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httptools

from lumina_hub.errors import HubError, RequestTimeout, UpstreamBroken, UpstreamTimeout
from lumina_hub.gateway.headers import RawHeaders
from lumina_hub.gateway.upstream import UpstreamRequest

__all__ = ["Connection"]

_LONGEST_HEAD = 65_536
_HIGH_WATER = 262_144
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Connection(asyncio.Protocol):
    """One request at a time. Use `request`, then `read` until it says that nothing more comes, then look at `reusable`.

    `heard` tells whether any byte of a response has come since the request was sent.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._timeout_s = 0.0
        self._between_s: float | None = None
        self._progress_at = 0.0
        self._busy = False
        self._paused = False
        self._awaits_caller = False
        self.idle_since = 0.0
        self._begin(head_only=False)

    def _begin(self, *, head_only: bool) -> None:
        self.status = 0
        self.headers: RawHeaders = []
        self.heard = False
        self._head_only = head_only
        self._head_bytes = self._unread_bytes = 0
        self._has_head = False
        self._framed = False
        self._complete = False
        self._keep_alive = False
        self._error: BaseException | None = None
        self._pieces: list[bytes] = []
        self._buffered = 0

    # What the gateway calls

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: both bodies are through and the module keeps the connection."""
        return self._complete and self._keep_alive and self._upload is None and self.is_open and not self._pieces

    async def request(self, request: UpstreamRequest) -> None:
        """Send, and return once the head of the response is there. On any error the connection is closed."""
        self._begin(head_only=request.method == "HEAD")
        self._busy = True
        self._between_s = request.timeouts.between_s
        self._watch(request.timeouts.first_s)
        body = request.body
        assert self._transport is not None  # noqa: S101 - connected before anybody has it
        try:
            if isinstance(body, bytes):
                self._transport.write(_head(request, len(body)) + body)
            else:
                self._transport.write(_head(request, request.length))
                self._upload = self._loop.create_task(self._send_body(body, chunked=request.length is None))
            while not self._has_head:
                if self._error is not None:
                    raise self._error
                await self._wait()
            if self._between_s is None:
                self._unwatch()
            elif self._between_s != self._timeout_s:
                self._watch(self._between_s)
        except BaseException:
            self.close()
            raise

    async def read(self) -> tuple[bytes, bool]:
        """See `UpstreamResponse.read`."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._complete:
                return b"", False
            await self._wait()
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._progress_at = self._loop.time()
            self._transport.resume_reading()
        return piece, not self._complete

    def release(self) -> None:
        """No request is under way any more; keep the connection for another."""
        self._busy = False
        self.idle_since = self._loop.time()

    def close(self) -> None:
        self._busy = False
        if self._upload is not None:
            self._upload.cancel()
            self._upload = None
        self._unwatch()
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by class

    def data_received(self, data: bytes) -> None:
        if not self._busy or self._complete:
            self.close()  # nobody asked for it
            return
        self.heard = True
        self._progress_at = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(UpstreamBroken(self._module, "it changed the protocol unasked"))
        except httptools.HttpParserError as error:
            cause = error.__context__ if isinstance(error.__context__, HubError) else None
            self._fail(cause or UpstreamBroken(self._module, f"it answered what is not HTTP ({error})"))
        if not self._has_head:
            self._unread_bytes += len(data)  # the parser keeps a field until it has all of it
            if self._unread_bytes > _LONGEST_HEAD:
                self._fail(self._head_too_long())
        elif self._buffered > _HIGH_WATER and not self._paused and not self._complete and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if self._busy and not self._complete:
            if self._has_head and not self._framed and error is None:
                self._complete = True  # RFC 9112, section 6.3: the end of the connection is the end of the body
            else:
                self._fail(UpstreamBroken(self._module, "it broke off its answer" if self.heard else "it hung up"))
        self._transport = None
        self._wake()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._unwatch()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self._progress_at = self._loop.time()

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._complete:
            raise UpstreamBroken(self._module, "it answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            return  # a trailer field
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > _LONGEST_HEAD:
            raise self._head_too_long()
        name = name.lower()
        if name == b"content-length" or name == b"transfer-encoding":
            self._framed = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim response: nothing for the caller
            self.headers = []
            self._framed = False
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        self._has_head = True
        if status in (204, 304):
            self._framed = True
        if self._head_only:
            self._complete = True
            self._keep_alive = False  # the parser cannot be told that no body follows

    def on_body(self, piece: bytes) -> None:
        if self._head_only:
            return
        self._pieces.append(piece)
        self._buffered += len(piece)

    def on_message_complete(self) -> None:
        if self._has_head:
            self._complete = True

    # Inside

    async def _send_body(self, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        try:
            while True:
                self._awaits_caller = True
                piece = await anext(body, None)
                self._awaits_caller = False
                self._progress_at = self._loop.time()
                if self._transport is None or self._transport.is_closing():
                    return  # the response says what became of it
                if piece is None:
                    break
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if self._writable is not None:
                    await self._writable
            if chunked:
                self._transport.write(b"0\r\n\r\n")
            self._upload = None
        except Exception as error:
            self._fail(error)
            self._wake()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if self._error is None and not self._complete:
            self._error = error
        self._keep_alive = False
        if self._transport is not None:
            self._transport.abort()

    def _head_too_long(self) -> UpstreamBroken:
        return UpstreamBroken(self._module, f"the head of its answer is longer than {_LONGEST_HEAD:,} bytes")

    def _watch(self, timeout_s: float) -> None:
        """One timer serves many requests: it looks at the clock when it fires and goes on waiting."""
        now = self._loop.time()
        self._timeout_s = timeout_s
        self._progress_at = now
        if self._timer is None or self._timer_at > now + timeout_s:
            self._arm(now + timeout_s)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if not self._busy:
            return
        now = self._loop.time()
        if self._waiter is None:  # the caller takes its time to read
            self._progress_at = now
        due = self._progress_at + self._timeout_s
        if due > now:
            self._arm(due)
        elif self._awaits_caller:
            self._fail(RequestTimeout(self._timeout_s))
        else:
            self._fail(UpstreamTimeout(self._module, self._timeout_s))
        self._wake()


def _head(request: UpstreamRequest, length: int | None) -> bytes:
    parts = [request.method.encode(), b" ", request.target, b" HTTP/1.1\r\n"]
    for name, value in request.headers:
        parts += (name, b": ", value, b"\r\n")
    if length is None:
        parts.append(b"transfer-encoding: chunked\r\n\r\n")
    elif length or request.method not in _BODILESS:
        parts.append(b"content-length: %d\r\n\r\n" % length)
    else:
        parts.append(b"\r\n")
    return b"".join(parts)
