from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.drivers.embedder import Vectors
from lumina_core.memory.ranking import Ranked, Remembered, TurnRanker, term_ids, utterance_text

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Past:
    """A turn with its vectors, which the ranking knows by their cosines alone."""

    turn: Remembered
    vector: Vectors
    sentences: Vectors


def past(
    embedder: Any, key: str, session: str, ts: float, speaker: str, text: str, *, place: int | None = None
) -> Past:
    vector = embedder.embed_query(utterance_text(speaker, text))
    return Past(Remembered(key, session, ts, speaker, term_ids(text), place), vector, vector[None, :])


def remember(embedder: Any, *lines: tuple[str, str, str], start: float = 0.0) -> list[Past]:
    """Turns out of (session, speaker, text), a minute apart."""
    return [
        past(embedder, f"t{number}", session, start + 60.0 * number, speaker, text)
        for number, (session, speaker, text) in enumerate(lines)
    ]


def rank(embedder: Any, turns: Sequence[Past], question: str) -> list[Ranked]:
    vector = embedder.embed_query(question)
    of_turns = np.array([each.vector @ vector for each in turns])
    of_sentences = np.array([max(each.sentences @ vector) for each in turns])
    return TurnRanker([each.turn for each in turns]).rank(question, of_turns, of_sentences)


def test_an_answer_is_found_by_the_words_of_its_question(embedder: Any) -> None:
    turns = remember(
        embedder,
        ("a", "Ana", "Lovely weather today, the park was full."),
        ("a", "Ben", "What is your surfboard called?"),
        ("a", "Ana", "Gerald."),
        ("b", "Ben", "I cooked soup."),
        ("b", "Ana", "My knee hurts."),
        ("b", "Ben", "Take it slowly then."),
    )

    assert {hit.id for hit in rank(embedder, turns, "What is the name of the surfboard?")[:2]} == {"t1", "t2"}


def test_neighbours_in_another_session_lend_nothing(embedder: Any) -> None:
    together = remember(embedder, ("a", "", "the surfboard"), ("a", "", "Gerald"), ("a", "", "soup"), ("a", "", "rain"))
    apart = remember(embedder, ("a", "", "the surfboard"), ("b", "", "Gerald"), ("c", "", "soup"), ("d", "", "rain"))

    with_neighbours = {hit.id: hit.score for hit in rank(embedder, together, "surfboard")}
    alone = {hit.id: hit.score for hit in rank(embedder, apart, "surfboard")}
    assert with_neighbours["t1"] > with_neighbours["t3"]
    assert alone["t1"] == pytest.approx(alone["t3"])


def test_a_name_called_out_does_not_count_as_a_word(embedder: Any) -> None:
    turns = remember(
        embedder, ("a", "Ben", "Hello Ana!"), ("b", "Ana", "I sold my car."), ("c", "Ben", "Ana, Ana, Ana!")
    )

    lexical = {hit.id: hit.contributions["lexical"] for hit in rank(embedder, turns, "Which car did Ana drive?")}
    assert lexical["t1"] > lexical["t2"] == lexical["t0"]


def test_the_month_a_question_names_prefers_its_turns(embedder: Any) -> None:
    may = datetime(2023, 5, 9, tzinfo=UTC).timestamp()
    turns = [
        *remember(embedder, ("a", "Ana", "I went swimming"), start=may - 200 * DAY_S),
        *[
            past(embedder, "may", "b", may, "Ana", "I went swimming"),
            past(embedder, "other", "c", may + 90 * DAY_S, "Ben", "soup"),
        ],
    ]

    assert rank(embedder, turns, "Where did Ana swim in May 2023?")[0].id == "may"
    assert "date" in rank(embedder, turns, "Where did Ana swim on 9 May?")[0].contributions
    assert "date" not in rank(embedder, turns, "Where did Ana swim? It may matter.")[0].contributions


def test_sentences_are_looked_at_one_by_one(embedder: Any) -> None:
    text = "Thanks for asking, that is so kind of you. I bought a violin. How is everything at home?"
    whole = past(embedder, "whole", "a", 0, "", text)
    split = replace(past(embedder, "split", "b", 0, "", text), sentences=embedder.embed(text.split(". ")))
    other = past(embedder, "other", "c", 0, "", "soup")

    best = rank(embedder, [whole, split, other], "Who bought a violin?")[0]
    assert best.id == "split"
    assert best.cosine > float(whole.vector @ embedder.embed_query("Who bought a violin?"))


def test_turns_lend_only_to_those_next_to_them_in_the_session(embedder: Any) -> None:
    said = ("the surfboard", "Gerald", "soup", "rain", "wind")
    places = (0, 1, 2, 3, 40)  # what lies between the last two is not at hand
    turns = [
        past(embedder, f"t{place}", "a", place, "", text, place=place) for place, text in zip(places, said, strict=True)
    ]
    turns.append(past(embedder, "alone", "b", 9, "", "wind", place=0))

    lexical = {hit.id: hit.contributions["lexical"] for hit in rank(embedder, turns[::-1], "Which surfboard?")}
    assert lexical["t0"] > lexical["t1"] > lexical["t2"] > lexical["t3"]
    assert lexical["t3"] == pytest.approx(lexical["t40"])
    assert lexical["t40"] == pytest.approx(lexical["alone"])


def test_words_count_by_how_many_of_the_question_are_found_together(embedder: Any) -> None:
    turns = remember(embedder, *((f"s{n}", "", text) for n, text in enumerate(("blue violin", "soup", "wind"))))

    def lexical(question: str) -> float:
        return rank(embedder, turns, question)[0].contributions["lexical"]

    assert lexical("blue violin") > lexical("blue violin xyzzy plugh") > 0.0


def test_of_turns_that_fit_alike_the_one_that_says_more_comes_first(embedder: Any) -> None:
    turns = remember(embedder, ("a", "", "Oh!"), ("b", "", "She sold the house in Ludlow"), ("c", "", "Really?"))

    first, *others = rank(embedder, turns, "xyzzy?")
    assert first.id == "t1"
    assert all(hit.contributions["length"] < first.contributions["length"] for hit in others)


def test_nothing_to_rank_gives_nothing(embedder: Any) -> None:
    assert rank(embedder, [], "Anything?") == []


def test_a_question_without_known_words_still_ranks_by_vector(embedder: Any) -> None:
    turns = remember(embedder, ("a", "", "soup"), ("b", "", "rain"))

    assert {hit.matched for hit in rank(embedder, turns, "xyzzy?")} == {0.0}


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(["soup", "rain and soup", "a violin", "cold rain", ""]), min_size=1, max_size=9),
    st.randoms(),
)
def test_scores_do_not_depend_on_the_order_given_and_contributions_sum_to_them(texts: list[str], random: Any) -> None:
    from_hash = _Letters()
    turns = remember(from_hash, *((f"s{n % 2}", "", text) for n, text in enumerate(texts)))
    shuffled = random.sample(turns, k=len(turns))

    one = {hit.id: hit for hit in rank(from_hash, turns, "rain on the violin")}
    two = {hit.id: hit for hit in rank(from_hash, shuffled, "rain on the violin")}
    assert one.keys() == two.keys() == {each.turn.id for each in turns}
    for key, hit in one.items():
        assert hit.score == pytest.approx(two[key].score)
        assert hit.score == pytest.approx(sum(hit.contributions.values()))


class _Letters:
    """Vectors of letter counts, for properties: hypothesis wants no fixtures of a function's scope."""

    def embed(self, texts: Sequence[str]) -> Any:
        rows = np.array([[1e-3 + text.count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def embed_query(self, text: str) -> Any:
        return self.embed([text])[0]
