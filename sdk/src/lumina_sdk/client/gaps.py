"""Gaps. Seeing them needs `read:gaps`, reporting and changing them `write:gaps`."""

from __future__ import annotations

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.paths import part
from lumina_sdk.contract import Gap, Gaps, GapState, GapUpdate, NewGap

__all__ = ["GapsApi"]

_GAPS = "/api/v1/gaps"


class GapsApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, *, state: GapState | None = None, limit: int = 50, after: str | None = None) -> Gaps:
        """A page of gaps, what should be read first at the top."""
        return await self._connection.ask(Gaps, "GET", _GAPS, params={"state": state, "limit": limit, "after": after})

    async def get(self, gap_id: str) -> Gap:
        """One gap with its history. Raises `NotFound`."""
        return await self._connection.ask(Gap, "GET", f"{_GAPS}/{part(gap_id)}")

    async def report(self, gap: NewGap) -> Gap:
        """Report something Lumina does not know. One of the same question that is alive is met again instead."""
        return await self._connection.ask(Gap, "POST", _GAPS, gap)

    async def update(self, gap_id: str, update: GapUpdate) -> Gap:
        """Take a step in a gap's life. Raises `Conflict` for one that cannot follow; see `GapState.next_states`."""
        return await self._connection.ask(Gap, "PATCH", f"{_GAPS}/{part(gap_id)}", update)
