"""Scratchpads, in memory."""

from __future__ import annotations

from itertools import count
from typing import Annotated

from fastapi import APIRouter, Request

from lumina_sdk.contract import NewNote, NewPad, Note, Pad, PadDetail, Pads, Scope
from lumina_sdk.errors import NotFound
from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub.access import FakePrincipal, needs

__all__ = ["FakePads", "router"]

PAD_TTL_S = 300.0
Reading = Annotated[FakePrincipal, needs(Scope.READ_SCRATCHPAD)]
Writing = Annotated[FakePrincipal, needs(Scope.WRITE_SCRATCHPAD)]
router = APIRouter()


class FakePads:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._pads: dict[str, tuple[PadDetail, float]] = {}

    def open(self, owner: str, request: NewPad) -> PadDetail:
        now, ttl_s = self._clock(), request.ttl_s or PAD_TTL_S
        pad = PadDetail(
            id=f"pad:{next(self._numbers):032x}",
            title=request.title,
            owner=owner,
            notes=0,
            created_at=now,
            expires_at=now + ttl_s,
            compress=request.compress,
            cause=request.cause,
            entries=(),
        )
        self._pads[pad.id] = (pad, ttl_s)
        return pad

    def get(self, owner: str, pad_id: str) -> PadDetail:
        pad, _ = self._pads.get(pad_id, (None, 0))
        if pad is None or pad.owner != owner or pad.expires_at <= self._clock():
            raise NotFound(f"There is no pad {pad_id!r}, or its time has ended.")
        return pad

    def write(self, owner: str, pad_id: str, request: NewNote) -> PadDetail:
        pad, now = self.get(owner, pad_id), self._clock()
        _, ttl_s = self._pads[pad_id]
        note = Note(ts=now, text=request.text, data=request.data)
        changes = {"entries": (*pad.entries, note), "notes": pad.notes + 1, "expires_at": now + ttl_s}
        self._pads[pad_id] = (pad.model_copy(update=changes), ttl_s)
        return self._pads[pad_id][0]

    def close(self, owner: str, pad_id: str) -> None:
        self.get(owner, pad_id)
        del self._pads[pad_id]

    def of(self, owner: str) -> list[PadDetail]:
        alive = [pad for pad, _ in self._pads.values() if pad.owner == owner and pad.expires_at > self._clock()]
        return alive[::-1]


def _pads(request: Request) -> FakePads:
    pads: FakePads = request.app.state.hub.pads
    return pads


@router.post("/api/v1/pads", status_code=201)
async def open_pad(body: NewPad, principal: Writing, request: Request) -> Pad:
    return _pads(request).open(principal.id, body)


@router.get("/api/v1/pads")
async def list_pads(principal: Reading, request: Request) -> Pads:
    return Pads(pads=tuple(_pads(request).of(principal.id)))


@router.get("/api/v1/pads/{pad_id}")
async def read_pad(pad_id: str, principal: Reading, request: Request) -> PadDetail:
    return _pads(request).get(principal.id, pad_id)


@router.post("/api/v1/pads/{pad_id}/notes")
async def write_note(pad_id: str, body: NewNote, principal: Writing, request: Request) -> Pad:
    return _pads(request).write(principal.id, pad_id, body)


@router.delete("/api/v1/pads/{pad_id}", status_code=204)
async def close_pad(pad_id: str, principal: Writing, request: Request) -> None:
    _pads(request).close(principal.id, pad_id)
