from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.answers.features import SENTENCE_FEATURES, candidates, sentence_features
from lumina_core.retrieval.hits import Hit

MakeHit = Callable[..., Hit]
TEXT = "Fresnel made it in 1822. Then four lamps burned in Ålesund."
SPANS = [(0, 24, 0.5), (25, 59, 0.25)]


@pytest.fixture
def row(make_hit: MakeHit) -> Callable[[str, int], dict[str, float]]:
    found = candidates([make_hit(TEXT, SPANS, score=7.5, lexical=0.125)], chunks=1)

    def of(question: str, place: int) -> dict[str, float]:
        return dict(zip(SENTENCE_FEATURES, sentence_features(question, found)[place].tolist(), strict=True))

    return of


def test_candidates_are_the_sentences_of_the_best_hits_in_ranking_and_reading_order(make_hit: MakeHit) -> None:
    hits = [make_hit(TEXT, SPANS), make_hit("Unread.", []), make_hit("Third.", [(0, 6, 0.1)]), make_hit(TEXT, SPANS)]

    found = candidates(hits, chunks=3)

    assert [(one.rank, one.place, one.text) for one in found] == [
        (0, 0, "Fresnel made it in 1822."),
        (0, 1, "Then four lamps burned in Ålesund."),
        (2, 0, "Third."),
    ]


def test_scores_and_length_are_taken_over(row: Callable[[str, int], dict[str, float]]) -> None:
    numbers = row("How many lamps burned?", 1)

    assert [numbers[name] for name in ("chunk", "dense", "lexical")] == [7.5, 0.25, 0.125]
    assert numbers["length"] == pytest.approx(math.log(7))


@pytest.mark.parametrize(
    ("question", "column", "per_sentence"),
    [
        ("How many lamps burned?", "number", [1, 1]),
        ("When did it happen?", "date", [1, 0]),
        ("Who made it?", "person", [0, 1]),
        ("Where did lamps burn?", "place", [0, 1]),
        ("Why did Fresnel make it?", "names", [0, 0.25]),
        ("What is a lamp?", "names", [0, 0.25]),
    ],
)
def test_only_the_column_of_the_kind_asked_for_is_set(
    row: Callable[[str, int], dict[str, float]], question: str, column: str, per_sentence: list[float]
) -> None:
    kinds = ("number", "date", "person", "place", "names")
    for place, value in enumerate(per_sentence):
        found = row(question, place)
        assert {kind: found[kind] for kind in kinds} == dict.fromkeys(kinds, 0.0) | {column: value}


def test_names_count_up_to_four(make_hit: MakeHit) -> None:
    text = "There met Ada, Bob, Cid, Dan, Eve and Fay."
    found = candidates([make_hit(text, [(0, len(text), 0.0)])], chunks=1)

    assert sentence_features("why did they meet", found)[0, SENTENCE_FEATURES.index("names")] == 1.0


def test_no_candidates_make_an_empty_table() -> None:
    assert sentence_features("Who?", []).shape == (0, len(SENTENCE_FEATURES))


def test_any_question_and_sentence_give_finite_numbers(make_hit: MakeHit) -> None:
    @given(st.text(max_size=40), st.text(min_size=1, max_size=60))
    @settings(max_examples=100, deadline=None)
    def holds(question: str, text: str) -> None:
        table = sentence_features(question, candidates([make_hit(text, [(0, len(text), 0.1)])], chunks=1))

        assert table.shape == (1, len(SENTENCE_FEATURES))
        assert np.isfinite(table).all()
        flags = table[:, SENTENCE_FEATURES.index("number") : SENTENCE_FEATURES.index("defines")]
        assert ((flags >= 0) & (flags <= 1)).all()

    holds()


def test_a_number_that_only_names_the_subject_may_be_the_answer(make_hit: MakeHit) -> None:
    text = "It has 3 wells."
    found = candidates(
        [make_hit(text, [(0, len(text), 0.5)], title=title) for title in ("Village 3", "Well")], chunks=2
    )

    named, other = sentence_features("How many wells has Village 3?", found)

    column = SENTENCE_FEATURES.index("number")
    assert (named[column], other[column]) == (1.0, 0.0)
