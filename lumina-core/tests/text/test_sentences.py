from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lumina_core.text.sentences import split_sentences

WHITE_SPACE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
TRICKY = [
    *(
        "Dr",
        "Mr",
        "e.g",
        "J",
        "A",
        "3",
        "1.5",
        "U.S",
        "?",
        "!",
        ".",
        "...",
        "…",
        ".”",
        '."',
        ")",
        "(",
        "[1]",
        "1.",
        "-",
    ),
    *("the", "Smith", "é", "日本", "。", "🦉", "\u200b", "\ufeff", "e\u0301", "ß", "\ud800", "\udfff", *WHITE_SPACE),
]
any_text = st.one_of(
    st.text(st.characters(), max_size=60),
    st.lists(st.sampled_from(TRICKY), max_size=40).map("".join),
    st.lists(st.sampled_from(["A", "a", ".", "?", " ", "\u00a0", "\n"]), max_size=12).map("".join),
)


@given(any_text)
@example("vitamin C\u00a0. And more follows here.")
@example("half a pair \ud83e and the other \udd89 half.")
@settings(max_examples=300, deadline=None)
def test_every_character_but_white_space_lies_in_exactly_one_span_and_in_order(text: str) -> None:
    covered = [place for start, end in split_sentences(text) for place in range(start, end)]

    assert covered == sorted(set(covered))
    assert {place for place, character in enumerate(text) if not character.isspace()} <= set(covered)


@given(any_text)
@settings(max_examples=150, deadline=None)
def test_a_span_holds_something_and_has_no_white_space_around_it(text: str) -> None:
    for start, end in split_sentences(text):
        assert text[start:end] == text[start:end].strip() != ""


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Dr. Smith arrived in the U.S. in 1990. He stayed for good.",
            ["Dr. Smith arrived in the U.S. in 1990.", "He stayed for good."],
        ),
        (
            "Zürich is a city. Łódź is another one! Is São Paulo one too?",
            ["Zürich is a city.", "Łódź is another one!", "Is São Paulo one too?"],
        ),
        ("No full stop at the end", ["No full stop at the end"]),
        ("It is 3.5 metres long. The owl 🦉 is smaller.", ["It is 3.5 metres long.", "The owl 🦉 is smaller."]),
        (
            "Water\u00a0boils at 100\u00a0°C. Plan\u00a0B\u00a0. Ice melts at zero.",
            ["Water\u00a0boils at 100\u00a0°C.", "Plan\u00a0B\u00a0. Ice melts at zero."],
        ),
        (
            "One line without an end\u2028\u2028Another line without one",
            ["One line without an end", "Another line without one"],
        ),
        ("", []),
        (" \n\u2003 ", []),
    ],
)
def test_sentences_are_cut_where_a_reader_would(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


def test_a_crumb_joins_the_sentence_before_it() -> None:
    text = "The treaty was signed in Versailles. Ibid. It ended the war in the west."

    assert [text[start:end] for start, end in split_sentences(text)] == [
        "The treaty was signed in Versailles. Ibid.",
        "It ended the war in the west.",
    ]


def test_a_crumb_on_a_line_of_its_own_stays_alone() -> None:
    text = "The treaty was signed in Versailles.\n\nNotes"

    assert [text[start:end] for start, end in split_sentences(text)] == [
        "The treaty was signed in Versailles.",
        "Notes",
    ]


def test_a_crumb_at_the_very_beginning_has_none_to_join() -> None:
    assert split_sentences("Yes. It was signed in Versailles.") == ((0, 4), (5, 33))
