from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.memory.ranking import Ranked, Remembered, TurnRanker, utterance_text

DAY_S = 86_400.0


def remember(embedder: Any, *lines: tuple[str, str, str], start: float = 0.0) -> list[Remembered]:
    """Turns out of (session, speaker, text), a minute apart."""
    vectors = embedder.embed([utterance_text(speaker, text) for _, speaker, text in lines])
    return [
        Remembered(f"t{number}", session, start + 60.0 * number, speaker, text, vector)
        for number, ((session, speaker, text), vector) in enumerate(zip(lines, vectors, strict=True))
    ]


def rank(embedder: Any, turns: Sequence[Remembered], question: str) -> list[Ranked]:
    return TurnRanker(turns).rank(question, embedder.embed_query(question))


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
            Remembered("may", "b", may, "Ana", "I went swimming", embedder.embed_query("Ana: I went swimming")),
            Remembered("other", "c", may + 90 * DAY_S, "Ben", "soup", embedder.embed_query("Ben: soup")),
        ],
    ]

    assert rank(embedder, turns, "Where did Ana swim in May 2023?")[0].id == "may"
    assert "date" in rank(embedder, turns, "Where did Ana swim on 9 May?")[0].contributions
    assert "date" not in rank(embedder, turns, "Where did Ana swim? It may matter.")[0].contributions


def test_sentences_are_looked_at_one_by_one(embedder: Any) -> None:
    text = "Thanks for asking, that is so kind of you. I bought a violin. How is everything at home?"
    whole = Remembered("whole", "a", 0, "", text, embedder.embed_query(text))
    split = Remembered("split", "b", 0, "", text, whole.vector, embedder.embed(text.split(". ")))
    other = Remembered("other", "c", 0, "", "soup", embedder.embed_query("soup"))

    best = rank(embedder, [whole, split, other], "Who bought a violin?")[0]
    assert best.id == "split"
    assert best.cosine > float(whole.vector @ embedder.embed_query("Who bought a violin?"))


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
    assert one.keys() == two.keys() == {turn.id for turn in turns}
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
