"""One question with its answer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lumina_sdk.contract._model import Question, RequestModel, WireModel
from lumina_sdk.contract.chat import SESSION_PATTERN, Citation, Outcome

__all__ = ["Feedback", "FeedbackRequest", "NewTurn", "Session", "Sessions", "Turn", "TurnDetail", "Turns"]


class Turn(WireModel):
    """A turn as the journal keeps it (seed, section 4A).

    `ts` is epoch seconds, `confidence` a probability, `embedding` 384 floats of unit length. `cite_ids` hold the
    Wikidata id (`Q42`) of what was cited where it is known, else the article id.
    """

    id: str
    session: str
    ts: float
    user: str
    assistant: str
    confidence: float = Field(ge=0, le=1)
    cite_ids: tuple[str, ...] = ()
    embedding: tuple[float, ...] = ()


class TurnDetail(Turn):
    """A turn with what the journal keeps beside it. `query` is what was searched for: the question, or what a follow-up
    question was read as. `feedback` is the latest mark."""

    outcome: Outcome
    query: str
    citations: tuple[Citation, ...] = ()
    feedback: Literal["up", "down"] | None = None


class Turns(WireModel):
    """Newest first. `before` is the turn id to pass for the page after this one, None on the last page."""

    turns: tuple[TurnDetail, ...]
    before: str | None = None


class Session(WireModel):
    """An ordered list of turns. `title` is its first question, cut short; times are epoch seconds."""

    id: str
    title: str
    turns: int
    started_at: float
    last_at: float


class Sessions(WireModel):
    """Most recently used first."""

    sessions: tuple[Session, ...]


class FeedbackRequest(RequestModel):
    """Whether an answer was right."""

    value: Literal["up", "down"]


class Feedback(WireModel):
    """A mark as it was kept. A later one for the same turn replaces it."""

    turn: str
    value: Literal["up", "down"]
    ts: float


class NewTurn(RequestModel):
    """A question and its answer that came about elsewhere, to be remembered as a turn of the caller's."""

    session: str = Field(pattern=SESSION_PATTERN)
    user: Question
    assistant: str = Field(min_length=1)
    outcome: Outcome = Outcome.ANSWERED
    confidence: float = Field(default=0, ge=0, le=1)
    cite_ids: tuple[str, ...] = Field(default=(), max_length=100)
    ts: float | None = Field(default=None, description="Epoch seconds; unset: now.")
