"""Scratchpads: opened, written, read, thrown away. A pad is seen by whoever opened it and nobody else."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from lumina_core.memory.scratchpad import PadId, ScratchPads
from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.pads.schemas import detail_out, pad_out
from lumina_hub.parts import scratch_pads
from lumina_sdk.contract import NewNote, NewPad, Pad, PadDetail, Pads, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["scratchpads"])
PadsRead = Annotated[Principal, requires(Scope.READ_SCRATCHPAD)]
PadsWrite = Annotated[Principal, requires(Scope.WRITE_SCRATCHPAD)]
Scratch = Annotated[ScratchPads, Depends(scratch_pads)]


@router.post("/api/v1/pads", status_code=201)
async def open_pad(request: NewPad, principal: PadsWrite, pads: Scratch) -> Pad:
    """Open an empty pad."""
    pad = await pads.create(
        principal.owner, title=request.title, ttl_s=request.ttl_s, compress=request.compress, cause=request.cause
    )
    return pad_out(await pads.info(pad.id, principal.owner))


@router.get("/api/v1/pads")
async def list_pads(principal: PadsRead, pads: Scratch) -> Pads:
    """List the caller's pads, newest first."""
    return Pads(pads=tuple(map(pad_out, await pads.list(principal.owner))))


@router.get("/api/v1/pads/{pad_id}")
async def read_pad(pad_id: str, principal: PadsRead, pads: Scratch) -> PadDetail:
    """Return a pad with its notes. Reading begins its time anew; another's pad is a 404."""
    await pads.info(pad_id, principal.owner)
    notes = await pads.open(PadId(pad_id)).read_all()
    return detail_out(await pads.info(pad_id, principal.owner), notes)


@router.post("/api/v1/pads/{pad_id}/notes")
async def write_note(pad_id: str, note: NewNote, principal: PadsWrite, pads: Scratch) -> Pad:
    """Write a note. That begins the pad's time anew; another's pad is a 404."""
    await pads.info(pad_id, principal.owner)
    await pads.open(PadId(pad_id)).write(note.text, note.data)
    return pad_out(await pads.info(pad_id, principal.owner))


@router.delete("/api/v1/pads/{pad_id}", status_code=204)
async def throw_pad_away(pad_id: str, principal: PadsWrite, pads: Scratch) -> None:
    """Throw a pad's notes away, uncompressed. Another's pad is a 404."""
    await pads.info(pad_id, principal.owner)
    await pads.open(PadId(pad_id)).destroy()
