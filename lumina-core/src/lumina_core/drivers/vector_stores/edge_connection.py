"""The index process's side of one client: frames in, replies out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import structlog

from lumina_core.drivers.vector_stores.edge_wire import Reply, encode_error, frame, split_frames
from lumina_core.errors import CoreError

__all__ = ["LATER", "EdgeConnection", "Receiver"]

log = structlog.get_logger(__name__)

_PAUSE_READING_AT = 64


class _Later:
    """Stands for an answer that will be sent once it is there."""


LATER = _Later()


class Receiver(Protocol):
    """Who runs the calls."""

    def receive(self, client: EdgeConnection, body: bytes) -> None:
        """Queue the call in this frame. Raises `msgspec.MsgspecError` where it is none."""

    def waiting(self, client: EdgeConnection) -> int:
        """How many calls of this client wait: it is read from no further while they are many."""

    def forget(self, client: EdgeConnection) -> None:
        """The client has gone."""


@dataclass(eq=False)
class EdgeConnection(asyncio.Protocol):
    """One client. A client that sends nonsense is disconnected."""

    server: Receiver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 — what a stream socket gives
        self._transport = transport
        self._buffer = bytearray()
        self._paused = False

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for body in split_frames(self._buffer):
                self.server.receive(self, body)
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("client_disconnected", reason=str(error))
            self._transport.abort()
            return
        if not self._paused and self.server.waiting(self) >= _PAUSE_READING_AT:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.server.forget(self)

    def answer(self, call: int, compute: Callable[[], Any]) -> None:
        """Send what `compute` returns, or the error it raises."""
        try:
            value = compute()
            if value is LATER:
                return
            reply = Reply(call, msgspec.Raw(msgspec.msgpack.encode(value)))
        except CoreError as error:
            reply = Reply(call, error=encode_error(error))
        except msgspec.ValidationError as error:
            reply = Reply(call, error=("InvalidInput", f"the call does not fit the index: {error}", None))
        except Exception as error:  # a mistake of ours in one call must not end the calls of all
            log.exception("call_failed")
            reply = Reply(call, error=("CoreError", f"the index failed: {error!r}", "See edge.log beside the index."))
        self.send(reply)

    def send(self, reply: Reply) -> None:
        if self._paused and self.server.waiting(self) < _PAUSE_READING_AT // 2:
            self._paused = False
            self._transport.resume_reading()
        if not self._transport.is_closing():
            self._transport.write(frame(reply))
