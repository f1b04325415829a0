"""What is kept of a conversation: turns, how each was answered, and what people thought of the answer."""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NewType, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from lumina_core.answers.base import Citation, Outcome
from lumina_core.errors import CorruptLog, InvalidInput

__all__ = [
    "ANSWERS",
    "EMBEDDING_DIGITS",
    "FEEDBACK",
    "TURNS",
    "AnswerRecord",
    "Feedback",
    "FeedbackValue",
    "Turn",
    "TurnId",
    "check_session",
    "decode_answer",
    "decode_feedback",
    "decode_turn",
    "encode_answer",
    "encode_feedback",
    "encode_turn",
    "new_turn_id",
    "rounded",
    "turn_text",
    "without_markers",
]

TURNS = "chat/turns"
ANSWERS = "chat/answers"
FEEDBACK = "chat/feedback"

EMBEDDING_DIGITS = 6
"""Decimals an embedding keeps in the log: its cosine to the unrounded one stays above 0.99999."""

TurnId = NewType("TurnId", str)

_Record = TypeVar("_Record")

_TURN_ID = re.compile(r"chat_\d{8}T\d{6}Z_[0-9a-f]{6,}")
_MARKER = re.compile(r"\s?\[\d+\]")
_SESSION = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


class FeedbackValue(StrEnum):
    """What a person thought of an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer: the seed's record, field for field.

    `ts` is epoch seconds. `confidence` lies in [0, 1]. `embedding` is the unit vector of it all, rounded to
    `EMBEDDING_DIGITS`; it is empty where the embedder was down, and then made when the turn is indexed.
    """

    id: TurnId
    session: str
    ts: float
    user: str
    assistant: str
    confidence: float
    cite_ids: tuple[str, ...] = ()
    embedding: tuple[float, ...] = ()

    @property
    def vector(self) -> NDArray[np.float32] | None:
        """The embedding as `(dim,)` float32, None where there is none."""
        return np.array(self.embedding, dtype=np.float32) if self.embedding else None


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """What the seed's turn record has no field for: whose turn it is, and how its answer came about.

    `query` is what was searched for; it differs from the turn's `user` where a follow-up was made to stand alone.
    """

    turn: TurnId
    owner: str
    outcome: Outcome
    query: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Feedback:
    """One verdict. The last one a person gave on a turn counts."""

    turn: TurnId
    owner: str
    value: FeedbackValue
    ts: float


def new_turn_id(now: datetime, *, random_hex: Callable[[int], str] = secrets.token_hex) -> TurnId:
    """Name a turn after its second (UTC) and 24 random bits, as in `chat_20250501T171455Z_8af394`.

    Args:
        now: Aware; it is shown in UTC.
        random_hex: Gives that many random bytes in hex.

    Raises:
        InvalidInput: `now` names no time zone.
    """
    if now.tzinfo is None:
        raise InvalidInput("a turn's time needs a time zone", hint="Pass datetime.now(UTC).")
    return TurnId(f"chat_{now.astimezone(UTC):%Y%m%dT%H%M%SZ}_{random_hex(3)}")


def check_session(session: str) -> str:
    """Return the name, or raise `InvalidInput` where it is empty, over 128 characters or holds control characters."""
    if not _SESSION.fullmatch(session) or session != session.strip():
        raise InvalidInput(
            f"{session[:140]!r} cannot name a session",
            hint="Use 1 to 128 printable characters, without blanks at either end.",
        )
    return session


def turn_text(user: str, assistant: str) -> str:
    """What of a turn is embedded and matched: the question and the answer, each on its own line.

    Both, because people come back with either: "what did I ask about…" and "what did you say about…".
    """
    return f"{user.strip()}\n{assistant.strip()}".strip()


def without_markers(answer: str) -> str:
    """An answer's text without its citation markers, as it is embedded and matched."""
    return _MARKER.sub("", answer)


def rounded(vector: NDArray[np.float32] | Sequence[float]) -> tuple[float, ...]:
    """The vector as a turn keeps it."""
    return tuple(round(float(value), EMBEDDING_DIGITS) for value in vector)


def encode_turn(turn: Turn) -> dict[str, Any]:
    """The line of `turns.ndjson`: the seed's eight fields in its order, and nothing more."""
    return {
        "id": turn.id,
        "session": turn.session,
        "ts": turn.ts,
        "user": turn.user,
        "assistant": turn.assistant,
        "confidence": turn.confidence,
        "cite_ids": list(turn.cite_ids),
        "embedding": list(turn.embedding),
    }


def decode_turn(record: Mapping[str, Any]) -> Turn:
    """Read a line of `turns.ndjson`; fields we do not know are passed over. Raises `CorruptLog`."""
    turn = _convert(record, Turn)
    if not _TURN_ID.fullmatch(turn.id):
        raise CorruptLog(f"{turn.id!r} is no turn id", hint="Turn ids look like chat_20250501T171455Z_8af394.")
    return turn


def encode_answer(answer: AnswerRecord) -> dict[str, Any]:
    """The line of `answers.ndjson`."""
    return {
        "turn": answer.turn,
        "owner": answer.owner,
        "outcome": answer.outcome.value,
        "query": answer.query,
        "citations": [dataclasses.asdict(citation) for citation in answer.citations],
    }


def decode_answer(record: Mapping[str, Any]) -> AnswerRecord:
    """Read a line of `answers.ndjson`. Raises `CorruptLog`."""
    return _convert(record, AnswerRecord)


def encode_feedback(feedback: Feedback) -> dict[str, Any]:
    """The line of `feedback.ndjson`."""
    return {"turn": feedback.turn, "owner": feedback.owner, "value": feedback.value.value, "ts": feedback.ts}


def decode_feedback(record: Mapping[str, Any]) -> Feedback:
    """Read a line of `feedback.ndjson`. Raises `CorruptLog`."""
    return _convert(record, Feedback)


def _convert(record: Mapping[str, Any], kind: type[_Record]) -> _Record:
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        raise CorruptLog(
            f"a chat record cannot be read as {kind.__name__}: {error}",
            hint="Mend the line from a backup, or let readers skip it: every other line is intact.",
        ) from error
