"""What a hub must let the contract's tests do with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lumina_sdk.client import HubClient

__all__ = ["HubUnderTest"]


class HubUnderTest(Protocol):
    """A hub of which nothing is known but that it is empty. The clients it gives are closed by it."""

    def client(self, principal: str, scopes: Iterable[str] = ()) -> HubClient:
        """A client that acts as `module:<slug>` or `user:<name>`, with these scopes and no others."""

    async def later(self, seconds: float) -> None:
        """Let time pass: by a clock that was injected, where there is one."""

    def lose_answers(self, number: int = 1) -> None:
        """Break the connections of the next requests after they were done and before their answer."""
