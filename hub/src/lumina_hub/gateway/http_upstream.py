"""A module behind HTTP/1.1, on a Unix socket or at a URL, with a pool of connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from lumina_core.errors import InvalidInput
from lumina_hub.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from lumina_hub.gateway.headers import RawHeaders
from lumina_hub.gateway.http1 import Connection
from lumina_hub.gateway.upstream import UpstreamRequest, UpstreamResponse, UpstreamSocket

__all__ = ["HttpUpstream"]

_CONNECT_S = 5.0
_IDLE_S = 4.0
"""uvicorn and most others keep an idle connection for 5 s; whoever lets go first avoids the race."""

_MOST_IDLE = 128
_LONGEST_MESSAGE = 16 * 1024 * 1024
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_OF_THE_HANDSHAKE = (b"sec-websocket-", b"host")


class HttpUpstream:
    """Connections are made when they are needed and kept for a few seconds."""

    def __init__(self, module: str, address: Path | str) -> None:
        """
        Args:
            module: Its slug, for errors.
            address: Its Unix socket, or an `http://` or `https://` URL whose path comes before every endpoint's.

        Raises:
            InvalidInput: the URL is none.
        """
        self._module = module
        self._socket: Path | None = None
        self._port = 0
        self._tls: ssl.SSLContext | None = None
        self._prefix = b""
        if isinstance(address, Path):
            self._socket, self._name = address, "localhost"
            self.host = module.encode()
        else:
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
                raise InvalidInput(
                    f"{address!r} is no address of a module", hint="Write it like http://10.0.0.7:9000 or https://…"
                )
            self._name = parts.hostname
            self._port = parts.port or (443 if parts.scheme == "https" else 80)
            self._tls = ssl.create_default_context() if parts.scheme == "https" else None
            self._prefix = parts.path.rstrip("/").encode()
            self.host = parts.netloc.encode()
        self._idle: list[Connection] = []
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        if self._prefix:
            request.target = self._prefix + request.target
        while True:
            connection = self._take()
            kept = connection is not None
            if connection is None:
                connection = await self._open(request.timeouts.first_s)
            try:
                await connection.request(request)
            except UpstreamBroken:
                # The module let go of an idle connection as we took it: nothing was done, and it may be asked again.
                if kept and not connection.heard and request.method in _REPEATABLE and isinstance(request.body, bytes):
                    continue
                raise
            return _Response(self, connection)

    async def open_socket(self, request: UpstreamRequest, subprotocols: Sequence[str]) -> UpstreamSocket:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers
            if not name.startswith(_OF_THE_HANDSHAKE)
        ]
        scheme = "wss" if self._tls else "ws"
        uri = f"{scheme}://{self.host.decode()}{(self._prefix + request.target).decode('ascii')}"
        offered = [Subprotocol(name) for name in subprotocols] or None
        try:
            async with asyncio.timeout(request.timeouts.first_s):
                if self._socket is not None:
                    opening = unix_connect(
                        str(self._socket),
                        uri,
                        additional_headers=headers,
                        subprotocols=offered,
                        compression=None,
                        user_agent_header=None,
                        max_size=_LONGEST_MESSAGE,
                    )
                else:
                    opening = connect(
                        uri,
                        additional_headers=headers,
                        subprotocols=offered,
                        compression=None,
                        user_agent_header=None,
                        max_size=_LONGEST_MESSAGE,
                        proxy=None,
                    )
                return _Socket(await opening)
        except TimeoutError as error:
            raise UpstreamTimeout(self._module, request.timeouts.first_s) from error
        except OSError as error:
            raise self._unreachable(error) from error
        except (WebSocketException, EOFError) as error:
            raise UpstreamBroken(self._module, f"it did not accept the WebSocket ({error})") from error

    async def close(self) -> None:
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def _give_back(self, connection: Connection) -> None:
        if self._closed or not connection.reusable or len(self._idle) >= _MOST_IDLE:
            connection.close()
            return
        connection.release()
        self._idle.append(connection)
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(_IDLE_S / 2, self._reap)

    def _reap(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _IDLE_S / 2
        while self._idle and self._idle[0].idle_since < oldest:  # the one used last is taken first
            self._idle.pop(0).close()
        self._reaper = loop.call_later(_IDLE_S / 2, self._reap) if self._idle else None

    async def _open(self, timeout_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        limit_s = min(timeout_s, _CONNECT_S)
        try:
            async with asyncio.timeout(limit_s):
                if self._socket is not None:
                    _, connection = await loop.create_unix_connection(
                        lambda: Connection(self._module), str(self._socket)
                    )
                else:
                    _, connection = await loop.create_connection(
                        lambda: Connection(self._module), self._name, self._port, ssl=self._tls
                    )
        except TimeoutError as error:
            raise UpstreamTimeout(self._module, limit_s) from error
        except OSError as error:  # `ssl.SSLError` is one
            raise self._unreachable(error) from error
        return connection

    def _unreachable(self, error: OSError) -> UpstreamUnreachable:
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return UpstreamUnreachable(self._module, "nothing listens where it should")
        return UpstreamUnreachable(self._module, error.strerror or str(error))


class _Response:
    __slots__ = ("_connection", "_upstream", "headers", "status")

    def __init__(self, upstream: HttpUpstream, connection: Connection) -> None:
        self._upstream = upstream
        self._connection: Connection | None = connection
        self.status = connection.status
        self.headers: RawHeaders = connection.headers

    async def read(self) -> tuple[bytes, bool]:
        assert self._connection is not None  # noqa: S101 - not closed yet
        return await self._connection.read()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstream._give_back(connection)


class _Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.subprotocol: str | None = connection.subprotocol
        self.close_code = 1006
        self.close_reason = ""

    async def receive(self) -> str | bytes | None:
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            self.close_code = self._connection.close_code or 1006
            self.close_reason = self._connection.close_reason or ""
            return None

    async def send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            return

    async def close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)
