"""A question, its answer and what the answer stands on."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from lumina_sdk.contract._model import Question, RequestModel, WireModel

__all__ = ["ChatAnswer", "ChatDelta", "ChatRequest", "ChatStart", "Citation", "Outcome"]

SESSION_PATTERN = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f])?$"
"""1 to 128 printable characters, without blanks at either end."""


class Outcome(StrEnum):
    """How far an answer answers. `abstained` says that Lumina does not know."""

    ANSWERED = "answered"
    PARTIAL = "partial"
    ABSTAINED = "abstained"


class ChatRequest(RequestModel):
    """A question. Without `session` a new one is started; an unknown `session` is started under that name."""

    query: Question = Field(description="The question, in words.", examples=["What is Lumina?"])
    session: str | None = Field(
        default=None,
        pattern=SESSION_PATTERN,
        description="Turns of one session give a follow-up question its meaning.",
    )
    stream: bool = Field(default=False, description="Send the answer as server-sent events.")


class Citation(WireModel):
    """What a sentence of the answer stands on: `text` is `article.text[start:end]` of that revision.

    `marker` is the number that stands in the answer as `[1]`. `cite_id` is the Wikidata id where known, else
    `article_id`. `fingerprint` is SHA-256, in hex, of `text` with white space folded.
    """

    marker: int
    cite_id: str
    chunk_id: str
    article_id: str
    title: str
    url: str
    section: str
    revision: str
    start: int
    end: int
    text: str
    fingerprint: str


class ChatAnswer(WireModel):
    """An answer, kept as a turn under `id` before it is sent. `confidence` is the probability that it is right.

    `searched_for` is the question as it was understood, where a follow-up needed its session for that. `recalled` are
    the ids of earlier turns, of any session, that bear on the question, best first.
    """

    id: str
    session: str
    query: str
    answer: str
    outcome: Outcome
    confidence: float
    cite_ids: tuple[str, ...]
    citations: tuple[Citation, ...]
    took_ms: float
    searched_for: str | None = None
    recalled: tuple[str, ...] = ()


class ChatStart(WireModel):
    """The first event of a streamed answer, `start`."""

    id: str
    session: str


class ChatDelta(WireModel):
    """A piece of a streamed answer, `delta`; the pieces joined are `ChatAnswer.answer`."""

    text: str
