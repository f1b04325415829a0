"""Scratchpads: notes for a while, that are compressed into memory before their time ends (seed, section 4B)."""

from __future__ import annotations

from pydantic import Field, JsonValue

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = ["NewNote", "NewPad", "Note", "Pad", "PadDetail", "Pads"]


class NewPad(RequestModel):
    """A pad to open. `ttl_s` defaults to the hub's `PAD_TTL`; writing a note begins it anew.

    With `compress` its notes are turned into one memory before they go; without it they are forgotten.
    """

    title: str = Field(default="", max_length=500)
    ttl_s: float | None = Field(default=None, gt=0, le=86_400)
    compress: bool = True
    cause: str | None = Field(default=None, max_length=128, description="The event, turn or request it is about.")


class Pad(WireModel):
    """A pad. Its id begins with `pad:`; `owner` is the principal that opened it, `expires_at` is epoch seconds."""

    id: str
    title: str
    owner: str
    notes: int
    created_at: float
    expires_at: float
    compress: bool = True
    cause: str | None = None


class NewNote(RequestModel):
    """Something to write down."""

    text: str = Field(min_length=1, max_length=20_000)
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Note(WireModel):
    """A note; `ts`, epoch seconds, is when it was written."""

    ts: float
    text: str
    data: dict[str, JsonValue] = Field(default_factory=dict)


class PadDetail(Pad):
    """A pad with its notes, oldest first."""

    entries: tuple[Note, ...]


class Pads(WireModel):
    """The caller's, newest first."""

    pads: tuple[Pad, ...]
