"""A connection to the index process: many calls at a time over one Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from lumina_core.drivers.vector_stores.edge_wire import Request, decode_reply, frame, raise_error, split_frames
from lumina_core.errors import VectorStoreDown

__all__ = ["EdgeClient"]

_T = TypeVar("_T")
_RETRY_S = 0.05


class EdgeClient:
    """Calls the index process, connecting when needed. Used from one event loop.

    Args:
        socket_path: Where the process listens.
        patience_s: How long a call waits for a process that is not there: it may just be starting again.
        timeout_s: How long a call may take once sent.
        why_down: Says more than "nobody listens", where the caller knows more.
    """

    def __init__(
        self,
        socket_path: Path,
        *,
        patience_s: float = 10.0,
        timeout_s: float = 60.0,
        why_down: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.socket_path = socket_path
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._why_down = why_down
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self.connections = 0
        """How often we have connected: whoever caches what the process said asks again when this changes."""

    async def call(
        self,
        op: str,
        collection: str,
        args: Any,
        result: type[_T] | Any,
        *,
        writes: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """Do the operation there and decode its value.

        Raises:
            VectorStoreDown: Nobody listens, the connection broke, or no answer came in time. A write may have been
                done or not: doing it again does no harm.
            CoreError: What the process reported.
        """
        body = msgspec.Raw(msgspec.msgpack.encode(args))
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                reply = await self._ask(lambda call: frame(Request(call, writes, op, collection, body)))
        except TimeoutError as error:
            raise VectorStoreDown(
                f"the index process did not answer {op!r} within {timeout_s or self._timeout_s:g} s",
                hint="The machine may be overloaded; try again.",
            ) from error
        if reply.error is not None:
            raise_error(reply.error)
        return msgspec.msgpack.decode(reply.value, type=result)

    async def _ask(self, encode: Callable[[int], bytes]) -> Any:
        """Send and wait for the reply, once more where nobody was behind the connection: a process that is being
        killed may still be connected to for a moment."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        while True:
            wire = await self._connect()
            try:
                return await wire.send(encode)
            except VectorStoreDown:
                if wire.has_heard or loop.time() > deadline:
                    raise
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        self._closed = True
        if self._wire is not None:
            self._wire.close()
            await self._wire.closed
            self._wire = None

    async def _connect(self) -> _Wire:
        if self._wire is not None and not self._wire.closed.done():
            return self._wire
        async with self._connecting:
            if self._wire is not None and not self._wire.closed.done():
                return self._wire
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._patience_s
            while True:
                if self._closed:
                    raise VectorStoreDown("the vector store is closed")
                try:
                    _, self._wire = await loop.create_unix_connection(_Wire, str(self.socket_path))
                except OSError as error:
                    if (why := self._why_down()) or loop.time() > deadline:
                        raise VectorStoreDown(
                            why or f"the index process does not answer on {str(self.socket_path)!r}",
                            hint="Try again; `lumina doctor` says what is wrong if this goes on.",
                        ) from error
                    await asyncio.sleep(_RETRY_S)
                else:
                    self.connections += 1
                    return self._wire


class _Wire(asyncio.Protocol):
    """One connection: requests by number, replies as they come."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._numbers = count()
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self.has_heard = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, encode: Callable[[int], bytes]) -> asyncio.Future[Any]:
        number = next(self._numbers)
        message = encode(number)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        answer.add_done_callback(lambda _: self._calls.pop(number, None))
        self._transport.write(message)
        return answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # what a stream socket gives; uvloop's is none by class

    def data_received(self, data: bytes) -> None:
        self.has_heard = True
        self._buffer += data
        try:
            for body in split_frames(self._buffer):
                reply = decode_reply(body)
                answer = self._calls.get(reply.id)
                if answer is not None and not answer.done():
                    answer.set_result(reply)
        except (ValueError, msgspec.MsgspecError):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        for answer in list(self._calls.values()):
            if not answer.done():
                answer.set_exception(
                    VectorStoreDown(
                        "the index process went away during the call", hint="It is being restarted: try again."
                    )
                )
        with contextlib.suppress(asyncio.InvalidStateError):
            self.closed.set_result(None)
