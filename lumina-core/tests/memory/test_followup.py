"""A table of questions, both ways: what has to be filled in, and what must be left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.memory.followup import PastTurn, rewrite
from lumina_core.memory.turns import TurnId


def past(question: str, answer: str, *titles: str) -> PastTurn:
    return PastTurn(TurnId("chat_20261122T090000Z_000001"), question, question, answer, titles)


ALABAMA = past("What is the capital of Alabama?", "Montgomery is the capital of Alabama.", "Alabama")
ATLAS = past("Who wrote Atlas Shrugged?", "Atlas Shrugged is a 1957 novel by Ayn Rand.", "Atlas Shrugged")
ATLAS_TYPED_FAST = past("who wrote atlas shrugged", "Atlas Shrugged is a 1957 novel by Ayn Rand.", "Atlas Shrugged")
EINSTEIN = past(
    "Who was Albert Einstein?",
    "Albert Einstein was a German-born theoretical physicist. He developed the theory of relativity.",
    "Albert Einstein",
)
CURIE = past("Who was Marie Curie?", "Marie Curie was a Polish physicist. She won two Nobel Prizes.", "Marie Curie")
LINCOLN = past("When was Abraham Lincoln born?", "Abraham Lincoln was born on February 12, 1809.", "Abraham Lincoln")
APOLLO = past("What is Apollo 11?", "Apollo 11 was the spaceflight that first landed humans on the Moon.", "Apollo 11")
ANARCHISM = past("What is anarchism?", "Anarchism is a political philosophy.", "Anarchism")
BEATLES = past("Who were the Beatles?", "The Beatles were an English rock band formed in Liverpool.", "The Beatles")
POPULATION = past("What was the population of Alabama in 1980?", "It was 3,893,888.", "Alabama")
AUTISM = past("What causes autism?", "Autism has a strong genetic basis.", "Autism")
ALGERIA = past("Where is Algeria?", "Algeria is a country in North Africa.", "Algeria")
OSCARS = past("What are the Academy Awards?", "The Academy Awards are awards for films.", "Academy Awards")

NEEDS_MORE = [
    (ALABAMA, "When was it founded?", "When was Alabama founded?"),
    (ALABAMA, "How many people live there?", "How many people live in Alabama?"),
    (ALABAMA, "What is its largest city?", "What is Alabama's largest city?"),
    (ALABAMA, "What about Alaska?", "What is the capital of Alaska?"),
    (ALABAMA, "how about georgia?", "What is the capital of georgia?"),
    (ALABAMA, "And Georgia?", "What is the capital of Georgia?"),
    (ALABAMA, "And the population?", "What is the population of Alabama?"),
    (ALABAMA, "What is the population?", "What is the population of Alabama?"),
    (ALABAMA, "Who was governor of that state?", "Who was governor of Alabama?"),
    (ALABAMA, "And when did it join the Union?", "When did Alabama join the Union?"),
    (ALABAMA, "What rivers flow through it?", "What rivers flow through Alabama?"),
    (ATLAS, "When was it published?", "When was Atlas Shrugged published?"),
    (ATLAS, "When was she born?", "When was Ayn Rand born?"),
    (ATLAS, "Did she write other books?", "Did Ayn Rand write other books?"),
    (ATLAS, "What is the plot?", "What is the plot of Atlas Shrugged?"),
    (ATLAS, "What did critics say about it?", "What did critics say about Atlas Shrugged?"),
    (ATLAS, "What is that book about?", "What is Atlas Shrugged about?"),
    (ATLAS_TYPED_FAST, "when was it published", "When was Atlas Shrugged published"),
    (ATLAS_TYPED_FAST, "where was she born?", "Where was Ayn Rand born?"),
    (EINSTEIN, "Who is his wife?", "Who is Albert Einstein's wife?"),
    (EINSTEIN, "When did he die?", "When did Albert Einstein die?"),
    (EINSTEIN, "Did Niels Bohr know him?", "Did Niels Bohr know Albert Einstein?"),
    (EINSTEIN, "And Niels Bohr?", "Who was Niels Bohr?"),
    (EINSTEIN, "What about Marie Curie?", "Who was Marie Curie?"),
    (CURIE, "What did she discover?", "What did Marie Curie discover?"),
    (CURIE, "Who was her husband?", "Who was Marie Curie's husband?"),
    (LINCOLN, "Who was his wife?", "Who was Abraham Lincoln's wife?"),
    (LINCOLN, "How tall was he?", "How tall was Abraham Lincoln?"),
    (APOLLO, "When did it land?", "When did Apollo 11 land?"),
    (APOLLO, "How long did that take?", "How long did Apollo 11 take?"),
    (APOLLO, "What happened to that spacecraft?", "What happened to Apollo 11?"),
    (ANARCHISM, "Who founded it?", "Who founded Anarchism?"),
    (ANARCHISM, "Is it still practised?", "Is Anarchism still practised?"),
    (ANARCHISM, "What are its main schools?", "What are Anarchism's main schools?"),
    (BEATLES, "When did they split up?", "When did The Beatles split up?"),
    (BEATLES, "Who was their manager?", "Who was The Beatles' manager?"),
    (POPULATION, "And in 1990?", "What was the population of Alabama in 1990?"),
    (POPULATION, "In 1990?", "What was the population of Alabama in 1990?"),
    (POPULATION, "What about 2000?", "What was the population of Alabama in 2000?"),
    (AUTISM, "Can it be cured?", "Can Autism be cured?"),
    (AUTISM, "How is it diagnosed?", "How is Autism diagnosed?"),
    (ALGERIA, "What languages are spoken there?", "What languages are spoken in Algeria?"),
    (ALGERIA, "What is the capital?", "What is the capital of Algeria?"),
    (OSCARS, "When were they first held?", "When were Academy Awards first held?"),
]

STANDS_ALONE = [
    "Who is the governor of Texas?",
    "What is the capital of France?",
    "Is it true that Paris is in France?",
    "Is it possible to breathe on Mars?",
    "How long does it take to fly to Mars?",
    "What does it mean to be stoic?",
    "What time is it?",
    "Why do cats purr when they sleep?",
    "What happens to water when it freezes?",
    "How do birds find their way?",
    "Why does a star explode when it dies?",
    "Did Einstein win the Nobel Prize before he moved to America?",
    "Where did Einstein publish his theory?",
    "Who was the first person to walk on the Moon and when did they do it?",
    "Are there lions in India?",
    "How many planets are there in the solar system?",
    "Is there an airport in Montgomery?",
    "Who won the election this year?",
    "What is the internet?",
    "Who invented the telephone?",
    "And what is the capital of Ohio?",
    "What about the economy of Alaska?",
    "What is the population of Ghana in 2010?",
    "What did Abraham Lincoln say about his father?",
    "Which element has the symbol Fe?",
    "When Rome fell, who ruled it?",
    "What is the theory that Darwin proposed?",
    "How does photosynthesis work?",
    "What books did Ayn Rand write?",
    "Why is the sky blue?",
    "What is a prime number?",
    "Tell me about altruism",
    "What is the difference between anarchism and communism?",
    "Name the author of Hamlet",
]


@pytest.mark.parametrize(("turn", "question", "whole"), NEEDS_MORE, ids=[row[1] for row in NEEDS_MORE])
def test_a_follow_up_is_made_to_stand_alone(turn: PastTurn, question: str, whole: str) -> None:
    rewritten = rewrite(question, [turn])

    assert rewritten.query == whole
    assert rewritten.from_turn == turn.id


@pytest.mark.parametrize("question", STANDS_ALONE)
@pytest.mark.parametrize("turn", [ALABAMA, EINSTEIN, BEATLES], ids=["place", "person", "group"])
def test_a_question_that_stands_alone_is_left_as_it_is(turn: PastTurn, question: str) -> None:
    rewritten = rewrite(question, [turn])

    assert (rewritten.query, rewritten.is_rewritten) == (question, False)


def test_a_bare_question_word_asks_about_the_question_before() -> None:
    assert rewrite("When?", [ATLAS]).query == "When wrote Atlas Shrugged?"


def test_a_pronoun_nothing_fits_is_left_as_it_is() -> None:
    assert not rewrite("Is she famous?", [past("What is anarchism?", "A philosophy.", "Anarchism")]).is_rewritten


def test_without_a_past_nothing_is_rewritten() -> None:
    assert not rewrite("When was it founded?", []).is_rewritten


def test_the_latest_turn_that_fits_counts() -> None:
    assert rewrite("When was it founded?", [ALGERIA, ALABAMA]).query == "When was Alabama founded?"
    assert rewrite("When was he born?", [EINSTEIN, ANARCHISM]).query == "When was Albert Einstein born?"


def test_a_chain_of_follow_ups_keeps_its_topic() -> None:
    second = PastTurn(
        TurnId("chat_20261122T090001Z_000002"), "How many live there?", "How many live in Alabama?", "4,833,722.", ()
    )

    assert rewrite("And when was it founded?", [ALABAMA, second]).query == "When was Alabama founded?"


@given(st.text(max_size=80))
def test_any_text_gives_a_query(text: str) -> None:
    rewritten = rewrite(text, [ALABAMA, EINSTEIN])

    assert bool(rewritten.query) == bool(text.split())
