from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.evaluation.measures import (
    auroc,
    expected_calibration_error,
    holds_answer,
    reliability,
    retrieval_measures,
)

scores = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=20)
judged = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def test_retrieval_measures_are_those_computed_by_hand() -> None:
    assert retrieval_measures([1, 2, 6, None]) == pytest.approx(
        {"r1": 0.25, "r5": 0.5, "r10": 0.75, "mrr": (1 + 1 / 2 + 1 / 6) / 4}
    )
    assert retrieval_measures([11]) == pytest.approx({"r1": 0, "r5": 0, "r10": 0, "mrr": 1 / 11})
    assert retrieval_measures([None]) == {"r1": 0, "r5": 0, "r10": 0, "mrr": 0}


@given(st.lists(st.one_of(st.none(), st.integers(1, 30)), min_size=1, max_size=30), st.randoms())
def test_deeper_is_never_worse_and_order_changes_nothing(ranks: list[int | None], random: object) -> None:
    found = retrieval_measures(ranks)

    assert 0 <= found["r1"] <= found["r5"] <= found["r10"] <= 1
    assert found["r1"] <= found["mrr"] <= 1
    assert retrieval_measures(ranks[::-1]) == pytest.approx(found)


def test_auroc_is_that_computed_by_hand() -> None:
    assert auroc([0.9, 0.8], [0.1, 0.2]) == 1
    assert auroc([0.1], [0.9, 0.8]) == 0
    assert auroc([0.5], [0.5]) == 0.5
    assert auroc([3, 1, 2], [2, 0]) == pytest.approx((2 + 1 + 1.5) / 6)
    assert auroc([], [1.0]) is None
    assert auroc([1.0], []) is None


@given(scores, scores)
def test_auroc_is_the_share_of_pairs_in_the_right_order(positive: list[float], negative: list[float]) -> None:
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]

    assert auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))


@given(scores, scores)
def test_auroc_turns_round_with_its_sides_and_ignores_the_scale(positive: list[float], negative: list[float]) -> None:
    value = auroc(positive, negative)

    assert value is not None
    assert auroc(negative, positive) == pytest.approx(1 - value)
    assert auroc([math.atan(p) for p in positive], [math.atan(n) for n in negative]) == pytest.approx(value)


def test_reliability_and_its_error_are_those_computed_by_hand() -> None:
    sure = [0.05, 0.15, 0.12, 1.0, 0.95]
    right = [False, True, False, True, True]

    bins = reliability(sure, right)
    assert [(count, good) for count, _, good in bins] == [(1, 0.0), (2, 0.5), (2, 1.0)]
    assert [mean for _, mean, _ in bins] == pytest.approx([0.05, 0.135, 0.975])
    assert expected_calibration_error(sure, right) == pytest.approx((0.05 + 2 * 0.365 + 2 * 0.025) / 5)


@given(judged)
def test_the_bins_hold_every_answer_once(answers: list[tuple[float, bool]]) -> None:
    sure, right = [one for one, _ in answers], [one for _, one in answers]

    bins = reliability(sure, right)

    assert sum(count for count, _, _ in bins) == len(answers)
    assert sum(count * good for count, _, good in bins) == pytest.approx(sum(right))
    assert sum(count * mean for count, mean, _ in bins) == pytest.approx(sum(sure))
    means = [mean for _, mean, _ in bins]
    assert means == sorted(means)


@given(judged)
def test_the_calibration_error_is_a_share_and_at_least_the_whole_bias(answers: list[tuple[float, bool]]) -> None:
    sure, right = [one for one, _ in answers], [one for _, one in answers]

    error = expected_calibration_error(sure, right)

    assert -1e-12 <= error <= 1 + 1e-12
    assert error >= abs(sum(sure) - sum(right)) / len(answers) - 1e-9


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=8))
def test_who_is_right_as_often_as_they_say_has_no_error(groups: list[tuple[int, int]]) -> None:
    sure: list[float] = []
    right: list[bool] = []
    for tenths in {tenths for tenths, _ in groups}:
        sure += [tenths / 10] * 10
        right += [place < tenths for place in range(10)]

    if 9 in {tenths for tenths, _ in groups} and 10 in {tenths for tenths, _ in groups}:
        assert expected_calibration_error(sure, right, bins=11) == pytest.approx(0, abs=1e-9)
    assert expected_calibration_error(sure, right) == pytest.approx(0, abs=1e-9)


def test_being_sure_and_wrong_is_the_whole_error() -> None:
    assert expected_calibration_error([1.0] * 3, [False] * 3) == 1
    assert expected_calibration_error([0.0] * 3, [True] * 3) == 1


@pytest.mark.parametrize(
    ("text", "answers", "held"),
    [
        ("It was Augustin  Fresnel\nwho did.", ["augustin fresnel"], True),
        ("It was Fresnel.", ["Augustin Fresnel", "Fresnel"], True),
        ("Die STRASSE war leer.", ["Straße"], True),
        ("It was Fresnel.", ["Brunel"], False),
        ("", ["Brunel"], False),
        ("It was Fresnel.", [], False),
    ],
)
def test_a_gold_answer_is_held_letter_for_letter_but_for_case_and_white_space(
    text: str, answers: list[str], held: bool
) -> None:
    assert holds_answer(text, answers) is held
