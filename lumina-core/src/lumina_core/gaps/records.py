"""Gaps: what Lumina noticed it does not know, and the life of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import msgspec

from lumina_core.documents import fingerprint
from lumina_core.errors import Conflict, CorruptLog

__all__ = ["GAPS", "Gap", "GapReason", "GapState", "GapStep", "decode_gap", "encode_gap", "question_key"]

GAPS = "gaps/gaps"
"""The stream of the log. A line is a gap as it was after a step; the newest line of a gap counts."""

_STEPS_KEPT = 50


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
        return not _NEXT[self]

    @property
    def next_states(self) -> frozenset[GapState]:
        """What may follow."""
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


@dataclass(frozen=True, slots=True)
class GapStep:
    """Something that became of a gap; `by` is a principal's id, `ts` epoch seconds."""

    state: GapState
    ts: float
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap. `seen` counts how often it was met; `turn` showed it, and the answer of `closing_turn` fills it.

    Of a long history the first step and the last 49 are kept.
    """

    id: str
    question: str
    reason: GapReason
    state: GapState
    opened_at: float
    updated_at: float
    topics: tuple[str, ...] = ()
    confidence: float | None = None
    seen: int = 1
    turn: str | None = None
    closing_turn: str | None = None
    articles: tuple[str, ...] = ()
    history: tuple[GapStep, ...] = ()

    @property
    def priority(self) -> float:
        """How urgent it is: how often it was met, less where the answer was half known."""
        return round(self.seen * (1 - (self.confidence or 0) / 2), 6)

    @property
    def board_topics(self) -> tuple[str, ...]:
        """What of it stands on the board `gaps:topics`: nothing, once somebody reads for it."""
        return (self.topics or (self.question,)) if self.state is GapState.OPEN else ()

    def met_again(self, *, at: float, topics: tuple[str, ...], confidence: float | None) -> Gap:
        """The same gap, seen once more."""
        return replace(
            self,
            seen=self.seen + 1,
            updated_at=at,
            topics=tuple(dict.fromkeys((*self.topics, *topics))),
            confidence=self.confidence if confidence is None else confidence,
        )

    def step(
        self,
        state: GapState,
        *,
        at: float,
        by: str,
        note: str = "",
        topics: tuple[str, ...] | None = None,
        articles: tuple[str, ...] = (),
        turn: str | None = None,
    ) -> Gap:
        """The gap after a step. A step to the state it is in adds its articles and topics; of a final one it changes
        nothing, so that a step may be repeated whose answer was lost.

        Raises:
            Conflict: The step is none its life allows, or closing names no turn.
        """
        if state is self.state and self.state.is_final:
            return self
        if state is not self.state and state not in self.state.next_states:
            after = ", ".join(sorted(self.state.next_states)) or "nothing: it is at its end"
            raise Conflict(
                f"the gap {self.id!r} is {self.state}, and cannot become {state}", hint=f"May follow: {after}."
            )
        if state is GapState.CLOSED and turn is None:
            raise Conflict(
                f"the gap {self.id!r} closes only with an answer that cites", hint="Name its turn in `turn`."
            )
        history = self.history
        if state is not self.state or note:
            history = (*history, GapStep(state, at, by, note))
        if len(history) > _STEPS_KEPT:
            history = (history[0], *history[-_STEPS_KEPT + 1 :])
        return replace(
            self,
            state=state,
            updated_at=at,
            topics=self.topics if topics is None else tuple(dict.fromkeys(topics)),
            articles=tuple(dict.fromkeys((*self.articles, *articles))),
            closing_turn=turn if state is GapState.CLOSED else self.closing_turn,
            history=history,
        )


def question_key(question: str) -> str:
    """What two ways of writing one question have in common."""
    return fingerprint(question.casefold().rstrip(" ?!."))[:32]


def encode_gap(gap: Gap) -> dict[str, Any]:
    """The line of `gaps.ndjson`."""
    return {"event": "gap", **msgspec.to_builtins(gap)}


def decode_gap(record: Mapping[str, Any]) -> Gap:
    """Undo `encode_gap`. Raises `CorruptLog`."""
    try:
        return msgspec.convert(record, Gap)
    except msgspec.ValidationError as error:
        raise CorruptLog(
            f"a gap cannot be read: {error}", hint="Readers skip the line; the others are intact."
        ) from error
