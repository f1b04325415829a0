"""Scratchpads between the core and the wire."""

from __future__ import annotations

from collections.abc import Sequence

from lumina_core.memory.scratchpad import Note as CoreNote
from lumina_core.memory.scratchpad import PadInfo
from lumina_sdk.contract import Note, Pad, PadDetail

__all__ = ["detail_out", "pad_out"]


def pad_out(pad: PadInfo) -> Pad:
    return Pad(
        id=pad.id,
        title=pad.title,
        owner=pad.owner,
        notes=pad.notes,
        created_at=pad.created_at,
        expires_at=pad.expires_at,
        compress=pad.compress,
        cause=pad.cause,
    )


def detail_out(pad: PadInfo, notes: Sequence[CoreNote]) -> PadDetail:
    return PadDetail(
        **pad_out(pad).model_dump(),
        entries=tuple(Note(ts=note.ts, text=note.text, data=dict(note.data)) for note in notes),
    )
