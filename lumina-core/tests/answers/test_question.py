from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.answers.question import AnswerType, answer_type, counted
from lumina_core.answers.spans import answer_spans, counts, new_names

NUMBER, DATE, PERSON, PLACE, DEFINITION, OTHER = AnswerType


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many islands is Venice built on?", NUMBER),
        ("how much coffee does Brazil grow", NUMBER),
        ("How long did the tunnel take?", NUMBER),
        ("How old is the lighthouse?", NUMBER),
        ("How far away is the comet?", NUMBER),
        ("Of what height was the tower?", NUMBER),
        ("What percentage of fresh water is ice?", NUMBER),
        ("What was the population of Mainz?", NUMBER),
        ("Which share of beans comes from Brazil?", NUMBER),
        ("What water temperature is best?", NUMBER),
        ("How often does Halley's Comet return?", NUMBER),
        ("How many people who lived in Venice left?", NUMBER),
        ("When did Gutenberg build his press?", DATE),
        ("In what year did Deep Blue win?", DATE),
        ("Which century saw the first violin?", DATE),
        ("What time is it there?", DATE),
        ("On which exact date did Giotto arrive?", DATE),
        ("Since when have keepers been gone?", DATE),
        ("How recently was it seen?", DATE),
        ("When and where was it printed?", DATE),
        ("Who designed the lens?", PERSON),
        ("Whose shield did they dig behind?", PERSON),
        ("By whom was chess solved?", PERSON),
        ("Who was Antonio Stradivari?", PERSON),
        ("The lens was designed by who?", PERSON),
        ("Where does coffee come from?", PLACE),
        ("Which city did Stradivari work in?", PLACE),
        ("What is the capital of Alabama?", PLACE),
        ("In what country is Kutiah?", PLACE),
        ("Which German state is Mainz in?", PLACE),
        ("What continent has most glaciers?", PLACE),
        ("What is a glacier?", DEFINITION),
        ("what are honey bees", DEFINITION),
        ("What was the Sicilian Defence?", DEFINITION),
        ("Define varnish", DEFINITION),
        ("What is an espresso", DEFINITION),
        ("Why do glaciers slide?", OTHER),
        ("How does a lens work?", OTHER),
        ("What did Karl von Frisch explain?", OTHER),
        ("Does a colony have a queen?", OTHER),
        ("What did they call the town when they founded it?", OTHER),
        ("Which famous composer lived in Venice?", PERSON),
        ("What was the date that it was first seen?", DATE),
        ("capital of Alabama", PLACE),
        ("tell me of violins", OTHER),
        ("", OTHER),
    ],
)
def test_a_question_asks_for_one_kind_of_thing(question: str, kind: AnswerType) -> None:
    assert answer_type(question) is kind
    assert answer_type(question.upper()) is kind


@given(st.text())
def test_every_text_asks_for_something(question: str) -> None:
    assert answer_type(question) in AnswerType


@pytest.mark.parametrize(
    ("kind", "question", "sentence", "holds"),
    [
        (NUMBER, "How many strings?", "It has 4 strings.", True),
        (NUMBER, "How many strings?", "It has four strings.", True),
        (NUMBER, "How many strings?", "Dozens of them broke.", True),
        (NUMBER, "How much of it?", "A third of the ice is gone.", True),
        (NUMBER, "How many strings?", "It has several strings.", False),
        (NUMBER, "How many strings?", "Often played.", False),
        (DATE, "When was it?", "It was last seen in 1986.", True),
        (DATE, "When was it?", "On a Tuesday, they say.", True),
        (DATE, "When was it?", "That was in the 18th century.", True),
        (DATE, "When was it?", "In the 80s.", True),
        (DATE, "What happened in 1986?", "It was last seen in 1986.", False),
        (DATE, "When was it?", "It weighed 3500 tonnes.", False),
        (DATE, "When was it?", "They may march on.", False),
        (PERSON, "Who designed it?", "It was designed by Fresnel.", True),
        (PERSON, "What did Fresnel do?", "It was designed by Fresnel.", False),
        (PERSON, "Who designed it?", "Nobody knows.", False),
        (PLACE, "Where is it?", "It lies in Łódź.", True),
        (PLACE, "Where is it?", "Down by the river.", False),
        (DEFINITION, "What is it?", "It is Venice in 1986.", False),
        (OTHER, "Why?", "It is Venice in 1986.", False),
    ],
)
def test_a_sentence_holds_the_kind_unless_the_question_says_it_itself(
    kind: AnswerType, question: str, sentence: str, holds: bool
) -> None:
    assert bool(answer_spans(kind, question, sentence)) is holds


@pytest.mark.parametrize(
    ("question", "sentence", "count"),
    [
        ("Who wrote it?", "Ada Lovelace and Charles Babbage wrote it.", 3),
        ("Who wrote it?", "It was Ada, and Ada alone.", 1),
        ("What did Ada write?", "It was Ada's first; Ada wrote on.", 0),
        ("Who?", "Then Ångström and Öpik spoke.", 2),
        ("Who?", "all in lower case", 0),
        ("Who?", "The A and the B", 0),
        ("", "", 0),
    ],
)
def test_new_names_are_distinct_capitalised_words_after_the_first(question: str, sentence: str, count: int) -> None:
    assert new_names(question, sentence) == count


@given(st.lists(st.text("ABCabcÄäÖ", min_size=1)).map(" ".join))
def test_a_sentence_brings_nothing_new_to_itself(sentence: str) -> None:
    assert new_names(sentence, sentence) == 0
    assert new_names("", sentence) <= len(sentence.split())


@pytest.mark.parametrize(
    ("question", "things"),
    [("How many copies were sold?", {"copi"}), ("how many days did it take", {"day"}), ("Who counted?", set())],
)
def test_how_many_says_what_is_counted(question: str, things: set[str]) -> None:
    assert counted(question) == things


@pytest.mark.parametrize(
    ("kind", "question", "sentence", "strong"),
    [
        (NUMBER, "How many sold?", "In 1995 they sold 310,000.", {"310,000"}),
        (NUMBER, "What did it cost?", "It cost US$99 for 12 months.", {"US$99"}),
        (NUMBER, "What percentage was it?", "It was 70 per cent of 12.", {"70 per cent"}),
        (DATE, "When did it open?", "It opened on 12 November 1995, as in 1994.", {"12 November 1995"}),
        (PERSON, "Who made it?", "Ada Lovelace and Bill made it.", {"Ada Lovelace and Bill"}),
        (PLACE, "Where is it?", "It lies near Mainz, says Koenig.", {"Mainz"}),
    ],
)
def test_the_form_most_asked_for_is_strong(kind: AnswerType, question: str, sentence: str, strong: set[str]) -> None:
    spans = answer_spans(kind, question, sentence)

    assert {sentence[span.start : span.end] for span in spans if span.strong} == strong


def test_a_number_counts_what_is_named_within_four_words() -> None:
    sentence = "He saw 12 very old stone bridges and 7 boats."
    twelve, seven = answer_spans(NUMBER, "How many bridges?", sentence)

    assert counts(sentence, twelve, counted("How many bridges?"))
    assert not counts(sentence, seven, counted("How many bridges?"))
