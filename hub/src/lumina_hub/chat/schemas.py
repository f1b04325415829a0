"""Answers and turns, between the core and the wire."""

from __future__ import annotations

from typing import Literal, cast

from lumina_core.answers.base import Citation as CoreCitation
from lumina_core.memory.turn_index import SessionSummary, StoredTurn
from lumina_core.memory.turns import Feedback as CoreFeedback
from lumina_sdk.contract import Citation, Feedback, Outcome, Session, TurnDetail

__all__ = ["citation_out", "feedback_out", "session_out", "turn_out"]


def citation_out(citation: CoreCitation) -> Citation:
    return Citation(
        marker=citation.marker,
        cite_id=citation.cite_id,
        chunk_id=citation.chunk_id,
        article_id=citation.article_id,
        title=citation.title,
        url=citation.url,
        section=citation.section,
        revision=citation.revision,
        start=citation.start,
        end=citation.end,
        text=citation.text,
        fingerprint=citation.fingerprint,
    )


def turn_out(stored: StoredTurn, *, embedding: bool) -> TurnDetail:
    turn = stored.turn
    return TurnDetail(
        id=turn.id,
        session=turn.session,
        ts=turn.ts,
        user=turn.user,
        assistant=turn.assistant,
        confidence=turn.confidence,
        cite_ids=turn.cite_ids,
        embedding=turn.embedding if embedding else (),
        outcome=Outcome(stored.answer.outcome.value),
        query=stored.answer.query,
        citations=tuple(citation_out(citation) for citation in stored.answer.citations),
        feedback=_mark(stored.feedback.value) if stored.feedback is not None else None,
    )


def session_out(summary: SessionSummary) -> Session:
    return Session(
        id=summary.session,
        title=summary.title,
        turns=summary.turns,
        started_at=summary.started,
        last_at=summary.ts,
    )


def feedback_out(feedback: CoreFeedback) -> Feedback:
    return Feedback(turn=feedback.turn, value=_mark(feedback.value.value), ts=feedback.ts)


def _mark(value: str) -> Literal["up", "down"]:
    return cast(Literal["up", "down"], value)
