"""Gaps: what Lumina noticed it does not know, and what became of it.

A gap's life is `open → queued → crawled → indexed → closed`, or it ends `unfillable`. It closes only when the question,
asked again, gets an answer that cites.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from lumina_sdk.contract._model import Question, RequestModel, WireModel

__all__ = ["Gap", "GapReason", "GapState", "GapStep", "GapUpdate", "Gaps", "NewGap"]


class GapState(StrEnum):
    """Where a gap is in its life; the last two are final."""

    OPEN = "open"
    QUEUED = "queued"
    CRAWLED = "crawled"
    INDEXED = "indexed"
    CLOSED = "closed"
    UNFILLABLE = "unfillable"

    @property
    def is_final(self) -> bool:
        return self in (GapState.CLOSED, GapState.UNFILLABLE)

    @property
    def next_states(self) -> frozenset[GapState]:
        """What may follow. An answer that does not cite sends an indexed gap back to `open`."""
        return _NEXT[self]


_NEXT: dict[GapState, frozenset[GapState]] = {
    GapState.OPEN: frozenset({GapState.QUEUED, GapState.CLOSED, GapState.UNFILLABLE}),
    GapState.QUEUED: frozenset({GapState.CRAWLED, GapState.OPEN, GapState.UNFILLABLE}),
    GapState.CRAWLED: frozenset({GapState.INDEXED, GapState.OPEN, GapState.UNFILLABLE}),
    GapState.INDEXED: frozenset({GapState.CLOSED, GapState.OPEN, GapState.UNFILLABLE}),
    GapState.CLOSED: frozenset(),
    GapState.UNFILLABLE: frozenset(),
}


class GapReason(StrEnum):
    """Why a gap was opened."""

    LOW_CONFIDENCE = "low_confidence"
    UNKNOWN_TERMS = "unknown_terms"
    SPARSE_TOPIC = "sparse_topic"
    REPORTED = "reported"


class NewGap(RequestModel):
    """A gap to report. One of the same question that is still alive is met again instead: its `seen` grows."""

    question: Question
    reason: GapReason = GapReason.REPORTED
    topics: tuple[str, ...] = Field(default=(), max_length=20, description="What to read about: titles or addresses.")
    turn: str | None = Field(default=None, description="The id of the turn whose answer showed it.")
    confidence: float | None = Field(default=None, ge=0, le=1)


class GapUpdate(RequestModel):
    """A step of a gap's life. `turn` is needed to close it: the one whose answer cites."""

    state: GapState
    note: str = Field(default="", max_length=2000)
    topics: tuple[str, ...] | None = Field(default=None, max_length=20)
    articles: tuple[str, ...] = Field(default=(), max_length=100, description="Ids of what was read for it.")
    turn: str | None = None


class GapStep(WireModel):
    """Something that became of a gap; `by` is a principal's id, `ts` epoch seconds."""

    state: GapState
    ts: float
    by: str
    note: str = ""


class Gap(WireModel):
    """A gap. `priority` orders what is read first, the highest first; `seen` counts how often it was met."""

    id: str
    question: str
    reason: GapReason
    state: GapState
    topics: tuple[str, ...] = ()
    confidence: float | None = None
    priority: float = 0
    seen: int = 1
    opened_at: float
    updated_at: float
    turn: str | None = None
    closing_turn: str | None = None
    articles: tuple[str, ...] = ()
    history: tuple[GapStep, ...] = ()


class Gaps(WireModel):
    """By falling priority. `after` is the cursor of the page after this one, None on the last page."""

    gaps: tuple[Gap, ...]
    after: str | None = None
