"""Scratchpads. Reading needs `read:scratchpad`, writing `write:scratchpad`."""

from __future__ import annotations

from typing import Any

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.paths import part
from lumina_sdk.contract import NewNote, NewPad, Pad, PadDetail, Pads

__all__ = ["PadsApi"]

_PADS = "/api/v1/pads"


class PadsApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open(
        self, title: str = "", *, ttl_s: float | None = None, compress: bool = True, cause: str | None = None
    ) -> Pad:
        """Open a pad that lives for `ttl_s`, by default the hub's `PAD_TTL`."""
        return await self._connection.ask(
            Pad, "POST", _PADS, NewPad(title=title, ttl_s=ttl_s, compress=compress, cause=cause)
        )

    async def write(self, pad_id: str, text: str, **data: Any) -> Pad:
        """Write a note down, with fields beside it; the pad's time begins anew. Raises `NotFound` once it has ended."""
        return await self._connection.ask(Pad, "POST", f"{_PADS}/{part(pad_id)}/notes", NewNote(text=text, data=data))

    async def read(self, pad_id: str) -> PadDetail:
        """A pad with its notes, oldest first. Raises `NotFound`."""
        return await self._connection.ask(PadDetail, "GET", f"{_PADS}/{part(pad_id)}")

    async def list(self) -> Pads:
        """The caller's pads, newest first."""
        return await self._connection.ask(Pads, "GET", _PADS)

    async def close(self, pad_id: str) -> None:
        """End a pad now. What it was opened to be compressed is; else its notes are forgotten. Raises `NotFound`."""
        await self._connection.send("DELETE", f"{_PADS}/{part(pad_id)}")
