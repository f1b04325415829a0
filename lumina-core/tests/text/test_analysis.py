from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.text.analysis import (
    HEADING_WEIGHT,
    K1,
    STOPWORDS,
    TITLE_WEIGHT,
    B,
    bm25_document,
    bm25_query,
    stem,
    term_id,
    terms,
    words,
)

topic_word = st.sampled_from("capital river treaty painter comet harbour violin glacier".split())
weird_text = st.text(st.characters(), max_size=80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Quick brown-fox", ["the", "quick", "brown", "fox"]),
        ("Zürich, São Paulo, Ångström", ["zurich", "sao", "paulo", "angstrom"]),
        ("e\u0301cole \u00e9cole İstanbul", ["ecole", "ecole", "istanbul"]),
        ("Newton's laws, Moss’s novel, JAMES'S car", ["newton", "laws", "moss", "novel", "james", "car"]),
        ("the dogs' owner", ["the", "dogs", "owner"]),
        ("rock'n'roll at five o’clock", ["rocknroll", "at", "five", "oclock"]),
        ("1,000 and 12,345,678 and 3.14", ["1000", "and", "12345678", "and", "3.14"]),
        ("H2O x_y mc²", ["h", "2", "o", "x", "y", "mc", "2"]),
        ("ﬁne ½ Ⅷ", ["fine", "1", "2", "viii"]),
        ("\ud800 🦉 …", []),
        ("", []),
    ],
)
def test_words_are_lower_case_without_accents_possessives_and_digit_commas(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(weird_text)
@settings(max_examples=200, deadline=None)
def test_words_of_any_text_are_lower_case_without_white_space_and_the_same_again(text: str) -> None:
    found = words(text)

    assert found == words(text)
    assert all(word and word == word.lower() and not any(map(str.isspace, word)) for word in found)


@given(weird_text)
@settings(max_examples=100, deadline=None)
def test_case_changes_no_terms_of_plain_letters(text: str) -> None:
    plain = "".join(character for character in text if character.isascii())

    assert terms(plain.upper()) == terms(plain.lower())


def test_terms_are_stems_in_order_with_repeats_and_without_stop_words() -> None:
    assert terms("The running dogs of Zürich ran; a dog runs") == ["run", "dog", "zurich", "ran", "dog", "run"]


@pytest.mark.parametrize(("word", "expected"), [("capitals", "capit"), ("capital", "capit"), ("1000", "1000")])
def test_forms_of_a_word_share_a_stem(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("term", "number"),
    [("capital", 813480614), ("run", 1349952704), ("1000", 3022496535), ("paris", 2519518178), ("x", 2363233923)],
)
def test_a_term_has_the_same_number_for_good(term: str, number: int) -> None:
    assert term_id(term) == number


def test_another_process_gives_the_same_vector() -> None:
    code = (
        "from lumina_core.text.analysis import bm25_document as d\n"
        "v = d('Paris', 'History', 'The capital of France, founded by the Parisii; a capital city.')\n"
        "print(v.indices.tobytes().hex(), v.values.tobytes().hex())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    here = bm25_document("Paris", "History", "The capital of France, founded by the Parisii; a capital city.")

    assert run.stdout.split() == [here.indices.tobytes().hex(), here.values.tobytes().hex()]


@given(st.text(max_size=30), st.text(max_size=30), st.one_of(weird_text, st.lists(topic_word).map(" ".join)))
@settings(max_examples=150, deadline=None)
def test_a_chunk_has_one_positive_weight_for_each_term_with_ascending_numbers(
    title: str, heading: str, text: str
) -> None:
    vector = bm25_document(title, heading, text)

    assert vector.indices.dtype == np.uint32
    assert vector.values.dtype == np.float32
    expected = {term_id(term) for part in (title, heading, text) for term in terms(part)}
    assert vector.indices.tolist() == sorted(expected)
    assert (vector.values > 0).all()


def weight(term: str, title: str, heading: str, text: str) -> float:
    vector = bm25_document(title, heading, text)
    return float(vector.values[vector.indices.tolist().index(term_id(stem(term)))])


@given(topic_word, st.lists(topic_word, max_size=30), st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_a_term_that_stands_there_once_more_weighs_more_yet_under_the_ceiling(
    word: str, others: list[str], count: int
) -> None:
    rest = [other for other in others if other != word]

    less, more = (weight(word, "", "", " ".join([*rest, *[word] * n])) for n in (count, count + 1))

    assert less < more < K1 + 1


def test_the_weights_are_those_of_bm25_with_fields() -> None:
    norm = K1 * (1 - B + B * 4 / 90)

    assert weight("comet", "Comet", "Comets in art", "A comet, a comet, the glacier and a river") == pytest.approx(
        (2 + TITLE_WEIGHT + HEADING_WEIGHT) * (K1 + 1) / (2 + TITLE_WEIGHT + HEADING_WEIGHT + norm)
    )
    assert weight("river", "Comet", "", "A comet, a comet, the glacier and a river") == pytest.approx(
        (K1 + 1) / (1 + norm)
    )


@given(st.lists(topic_word, min_size=1), topic_word)
@settings(max_examples=50, deadline=None)
def test_a_longer_text_makes_a_term_weigh_less(others: list[str], word: str) -> None:
    rest = [other for other in others if other != word]

    assert weight(word, "", "", " ".join([word, *rest, "violet"])) < weight(word, "", "", " ".join([word, *rest]))


def test_a_title_term_repeated_in_the_title_counts_once() -> None:
    assert weight("comet", "Comet comet comet", "", "") == weight("comet", "Comet", "", "")


@given(st.one_of(weird_text, st.lists(topic_word).map(" ".join)))
@settings(max_examples=100, deadline=None)
def test_a_question_weighs_each_of_its_terms_one(text: str) -> None:
    vector = bm25_query(text)

    expected = terms(text) or [stem(word) for word in words(text)]
    assert vector.indices.tolist() == sorted({term_id(term) for term in expected})
    assert (vector.values == 1.0).all()


def test_a_question_of_stop_words_alone_is_searched_by_them() -> None:
    assert {"who", "is", "it"} <= STOPWORDS
    assert len(bm25_query("Who is it?").indices) == 3
    assert bm25_query("Who is Ada?").indices.tolist() == [term_id("ada")]


def test_a_question_without_words_has_no_terms() -> None:
    assert len(bm25_query("?! …").indices) == 0
