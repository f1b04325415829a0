from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.answers.base import Outcome
from lumina_core.errors import CorruptLog, InvalidInput
from lumina_core.memory.turns import (
    AnswerRecord,
    Feedback,
    FeedbackValue,
    Turn,
    TurnId,
    check_session,
    decode_answer,
    decode_feedback,
    decode_turn,
    encode_answer,
    encode_feedback,
    encode_turn,
    new_turn_id,
    rounded,
)

TURN = Turn(
    id=TurnId("chat_20250501T171455Z_8af394"),
    session="alpha",
    ts=1714587295.55,
    user="What is Lumina?",
    assistant="Lumina is a knowledge base.",
    confidence=0.78,
    cite_ids=("Q42", "art_62e3f5"),
    embedding=(0.5, -0.5),
)


def test_a_turn_is_written_with_the_fields_of_the_seed_and_no_others() -> None:
    assert list(encode_turn(TURN)) == [
        "id", "session", "ts", "user", "assistant", "confidence", "cite_ids", "embedding",
    ]  # fmt: skip


def test_an_id_names_its_second_in_utc_and_six_random_digits() -> None:
    cest = timezone(timedelta(hours=2))
    made = new_turn_id(datetime(2025, 5, 1, 19, 14, 55, tzinfo=cest), random_hex=lambda size: "8af394"[: 2 * size])

    assert made == "chat_20250501T171455Z_8af394"


def test_ids_made_in_one_second_differ() -> None:
    now = datetime(2025, 5, 1, tzinfo=UTC)

    assert len({new_turn_id(now) for _ in range(50)}) == 50


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        new_turn_id(datetime(2025, 5, 1))  # noqa: DTZ001 - the point


@given(
    st.text(),
    st.text(),
    st.floats(0, 1),
    st.lists(st.text(), max_size=3),
    st.lists(st.floats(-1, 1, allow_subnormal=False), max_size=4),
)
def test_decoding_a_turn_undoes_encoding_it(
    user: str, assistant: str, confidence: float, cited: list[str], vector: list[float]
) -> None:
    turn = Turn(TURN.id, "s", 1.5, user, assistant, confidence, tuple(cited), rounded(vector))

    assert decode_turn(json.loads(json.dumps(encode_turn(turn)))) == turn


def test_decoding_answers_and_feedback_undoes_encoding_them() -> None:
    answer = AnswerRecord(TURN.id, "owner", Outcome.PARTIAL, "What is Lumina?")
    feedback = Feedback(TURN.id, "owner", FeedbackValue.DOWN, 3.0)

    assert decode_answer(json.loads(json.dumps(encode_answer(answer)))) == answer
    assert decode_feedback(json.loads(json.dumps(encode_feedback(feedback)))) == feedback


def test_rounding_hardly_turns_a_vector() -> None:
    vector = np.random.default_rng(1).standard_normal(384).astype(np.float32)
    vector /= np.linalg.norm(vector)
    kept = np.array(rounded(vector))

    assert float(vector @ kept / np.linalg.norm(kept)) > 0.99999


@pytest.mark.parametrize("broken", [{"id": 3}, {"id": "chat_1"}, {"confidence": "high"}, {"ts": None}])
def test_a_broken_record_says_what_is_wrong(broken: dict[str, object]) -> None:
    with pytest.raises(CorruptLog, match=re.escape(next(iter(broken))) + "|turn id"):
        decode_turn({**encode_turn(TURN), **broken})


@pytest.mark.parametrize("name", ["", " a", "a\nb", "x" * 129])
def test_what_cannot_name_a_session_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="session"):
        check_session(name)
