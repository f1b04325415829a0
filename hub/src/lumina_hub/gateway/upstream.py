"""The seam behind which a module answers: over HTTP in production, in process in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lumina_hub.gateway.headers import RawHeaders

__all__ = ["Timeouts", "Upstream", "UpstreamRequest", "UpstreamResponse", "UpstreamSocket"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: until the head of the response is there, and between two pieces of its body; None for any time."""

    first_s: float
    between_s: float | None


@dataclass(slots=True)
class UpstreamRequest:
    """A request as a module gets it.

    Args:
        method: In capitals.
        target: Path and query as they stand on the wire.
        headers: Names in lower case; without `content-length` and hop-by-hop fields, which are the connection's.
        body: All of it, or its pieces as they come. What the iterator raises, `send` or `read` raises.
        length: Of the body in bytes, where it comes in pieces and the caller said so.
        timeouts: For the response.
    """

    method: str
    target: bytes
    headers: RawHeaders
    body: bytes | AsyncIterator[bytes]
    length: int | None
    timeouts: Timeouts


class UpstreamResponse(Protocol):
    """A response whose head is there. `close` it in any case."""

    status: int
    headers: RawHeaders

    async def read(self) -> tuple[bytes, bool]:
        """The next piece of the body, as soon as there is one, and whether more may come. Memory stays bounded: what is
        not read is not taken from the module either.

        Raises:
            UpstreamBroken: it broke off.
            UpstreamTimeout: nothing came in time.
        """

    def close(self) -> None:
        """Give the connection back, or break it off where the body was not read to its end. Twice is fine."""


class UpstreamSocket(Protocol):
    """A WebSocket a module has accepted. `close_code` and `close_reason` are set once `receive` has returned None."""

    subprotocol: str | None
    close_code: int
    close_reason: str

    async def receive(self) -> str | bytes | None:
        """The next message; None once the module, or the connection, has ended."""

    async def send(self, message: str | bytes) -> None:
        """Send a message; one that cannot arrive any more is dropped."""

    async def close(self, code: int, reason: str) -> None:
        """End it. Twice is fine."""


class Upstream(Protocol):
    """Who answers for a module."""

    host: bytes
    """For the field `host`."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """
        Raises:
            UpstreamUnreachable: nothing listens there.
            UpstreamBroken: it answered what is not HTTP, or broke off before the head of its response was there.
            UpstreamTimeout: nothing came in time.
            RequestTimeout: the next piece of the request's body did not come in time.
        """

    async def open_socket(self, request: UpstreamRequest, subprotocols: Sequence[str]) -> UpstreamSocket:
        """Open a WebSocket; errors as in `send`, and `UpstreamBroken` where the module refuses it."""

    async def close(self) -> None:
        """Let go of what is idle. Calls under way may finish."""
