from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lumina_core.retrieval.scoring import (
    TITLE_SHARE,
    Passages,
    TermMatch,
    Weights,
    about,
    contributions,
    match_terms,
    opening,
    pagerank_prior,
    share,
)
from lumina_core.retrieval.terms import QuestionTerms
from lumina_core.text.analysis import term_id

finite = st.floats(-5, 5)
term = st.integers(0, 8)
sentences_of_terms = st.lists(st.lists(term, max_size=6), min_size=1, max_size=5)


@st.composite
def questions(draw: st.DrawFn) -> QuestionTerms:
    ids = draw(st.lists(term, unique=True, max_size=6))
    idf = draw(st.lists(st.floats(0.01, 12), min_size=len(ids), max_size=len(ids)))
    places = st.integers(0, max(len(ids) - 1, 0))
    pairs = draw(st.lists(st.tuples(places, places), unique=True, max_size=8)) if len(ids) > 1 else []
    return QuestionTerms(
        words=tuple(map(str, ids)),
        ids=np.array(ids, dtype=np.uint32),
        idf=np.array(idf, dtype=np.float64),
        known=np.ones(len(ids), dtype=np.bool_),
        pairs=tuple(pair for pair in pairs if pair[0] != pair[1]),
    )


def question_of(idf: dict[int, float], *pairs: tuple[int, int]) -> QuestionTerms:
    return QuestionTerms(
        tuple(map(str, idf)),
        np.array(list(idf), dtype=np.uint32),
        np.array(list(idf.values())),
        np.ones(len(idf), dtype=np.bool_),
        pairs,
    )


def match_one(question: QuestionTerms, sentences: list[list[int]], title: list[int]) -> TermMatch:
    return match_terms(question, passages_of((sentences, title)))


def passages_of(*chunks: tuple[list[list[int]], list[int]]) -> Passages:
    texts = [sentence for sentences, _ in chunks for sentence in sentences]
    return Passages(
        ids=np.array([one for sentence in texts for one in sentence], dtype=np.uint32),
        lengths=np.array([len(sentence) for sentence in texts], dtype=np.int64),
        counts=np.array([len(sentences) for sentences, _ in chunks], dtype=np.int64),
        titles=[frozenset(title) for _, title in chunks],
    )


def naive_match(
    question: QuestionTerms, sentences: list[list[int]], title: list[int]
) -> tuple[list[float], list[float], list[float], list[float], float]:
    """What `match_terms` says it does, one sentence and one term at a time."""
    total = max(sum(question.idf), 1e-6)
    weights = {int(key): float(idf) for key, idf in zip(question.ids, question.idf, strict=True)}
    text = [(place, key) for place, sentence in enumerate(sentences) for key in sentence]
    lexical, pairs, body, context = [], [], [], []
    for place, sentence in enumerate(sentences):
        here = sum(idf for key, idf in weights.items() if key in sentence)
        titled = sum(idf for key, idf in weights.items() if key in title and key not in sentence)
        body.append(here / total)
        before = {key for earlier in sentences[max(place - 2, 0) : place] for key in earlier}
        context.append(sum(weights[key] for key in before & weights.keys() - {*sentence, *title}) / total)
        lexical.append((here + TITLE_SHARE * titled) / total)
        beside = 0.0
        for first, second in question.pairs:
            a, b = int(question.ids[first]), int(question.ids[second])
            if any(
                key == a and owner == place and any(other == b for _, other in text[max(at - 2, 0) : at + 3])
                for at, (owner, key) in enumerate(text)
            ):
                beside += min(weights[a], weights[b])
        pairs.append(min(beside / total, 1.0))
    everywhere = {key for _, key in text} | set(title)
    return lexical, pairs, body, context, sum(idf for key, idf in weights.items() if key in everywhere) / total


@given(questions(), sentences_of_terms, st.lists(term, max_size=3))
@settings(deadline=None)
@example(question_of({1: 1.0, 2: 1.0}, (0, 1), (1, 0)), [[1, 2]], [])
@example(question_of({1: 1.0, 2: 1.0, 3: 1.0}, (0, 1), (1, 2), (2, 0), (1, 0)), [[1, 2, 3]], [])
def test_matching_agrees_with_counting_one_by_one(
    question: QuestionTerms, sentences: list[list[int]], title: list[int]
) -> None:
    match = match_one(question, sentences, title)

    lexical, pairs, body, context, chunk = naive_match(question, sentences, title)
    assert match.lexical.tolist() == pytest.approx(lexical)
    assert match.pairs.tolist() == pytest.approx(pairs)
    assert match.body.tolist() == pytest.approx(body)
    assert match.context.tolist() == pytest.approx(context)
    assert match.chunk.tolist() == pytest.approx([chunk])


@given(questions(), sentences_of_terms, st.lists(term, max_size=3))
def test_every_share_lies_between_nothing_and_all(
    question: QuestionTerms, sentences: list[list[int]], title: list[int]
) -> None:
    match = match_one(question, sentences, title)

    for values in (match.lexical, match.pairs, match.body, match.context, match.chunk):
        assert (values >= 0).all()
        assert (values <= 1 + 1e-9).all()
    assert (match.body <= match.lexical + 1e-9).all()
    assert (match.body <= match.chunk[0] + 1e-9).all()


@given(questions(), st.lists(st.tuples(sentences_of_terms, st.lists(term, max_size=3)), max_size=4))
def test_chunks_matched_together_match_as_they_do_alone(
    question: QuestionTerms, chunks: list[tuple[list[list[int]], list[int]]]
) -> None:
    together = match_terms(question, passages_of(*chunks))

    alone = [match_one(question, *chunk) for chunk in chunks]
    for name in ("lexical", "context", "pairs", "body", "chunk"):
        parts = [getattr(match, name) for match in alone]
        np.testing.assert_allclose(getattr(together, name), np.concatenate([np.empty(0), *parts]))


def test_a_term_that_only_the_title_holds_counts_in_part() -> None:
    match = match_one(question_of({1: 3.0, 2: 1.0}), [[2], [1, 2]], [1])

    assert match.lexical.tolist() == pytest.approx([(1 + 3 * TITLE_SHARE) / 4, 1.0])
    assert match.body.tolist() == pytest.approx([0.25, 1.0])
    assert match.chunk.tolist() == pytest.approx([1.0])


def test_the_two_sentences_before_lend_what_neither_the_sentence_nor_the_title_holds() -> None:
    match = match_one(question_of({1: 4.0, 2: 3.0, 3: 1.0}), [[1, 3], [2], [9], [9], [2]], [3])

    assert match.context.tolist() == pytest.approx([0, 0.5, 0.875, 0.375, 0])


def test_neighbours_of_the_question_count_where_they_are_neighbours_again() -> None:
    question = question_of({1: 2.0, 2: 1.0, 3: 1.0}, (0, 1))

    match = match_one(question, [[1, 2], [3, 3, 3], [2, 9, 1], [3, 3, 3], [1, 9, 9, 2]], [])

    assert match.pairs.tolist() == pytest.approx([0.25, 0, 0.25, 0, 0])


def test_two_terms_that_share_a_number_do_no_harm() -> None:
    assert term_id("plumless") == term_id("buckeroo")
    both = np.array([term_id("plumless"), term_id("buckeroo")], dtype=np.uint32)
    question = QuestionTerms(("plumless", "buckeroo"), both, np.ones(2), np.ones(2, dtype=np.bool_), ((0, 1),))

    match = match_one(question, [both[:1].tolist()], both[:1].tolist())

    assert 0 < match.lexical[0] <= 1
    assert 0 < match.chunk[0] <= 1


def test_sentences_without_terms_and_questions_without_terms_match_nothing() -> None:
    empty = question_of({})

    assert match_one(empty, [[1, 2], []], [1]).lexical.tolist() == [0.0, 0.0]
    assert match_one(question_of({1: 1.0}), [[], []], []).chunk.tolist() == [0.0]


@given(questions(), st.data())
def test_more_terms_make_a_larger_share(question: QuestionTerms, data: st.DataObject) -> None:
    found = np.array([data.draw(st.booleans()) for _ in question.ids], dtype=np.bool_)

    assert 0 <= share(question, found) <= share(question, np.ones_like(found)) <= 1 + 1e-9
    assert share(question, np.zeros_like(found)) == 0


@given(questions(), st.lists(term, max_size=4))
def test_only_a_title_within_the_question_is_what_it_is_about(question: QuestionTerms, title: list[int]) -> None:
    (share_of_title,) = about(question, [frozenset(title)])

    if title and set(title) <= set(question.ids.tolist()):
        assert 0 < share_of_title <= 1 + 1e-9
    else:
        assert share_of_title == 0


def test_a_title_counts_for_its_share_of_the_question() -> None:
    question = question_of({1: 3.0, 2: 1.0})

    assert about(question, [frozenset([1]), frozenset([2]), frozenset([1, 9])]).tolist() == [0.75, 0.25, 0]


def test_the_opening_counts_by_the_square_of_that_share_and_a_thousand_characters_later_half_of_it() -> None:
    shares, starts = np.array([1.0, 1.0, 1.0, 0.5, 0.0]), np.array([0.0, 1000.0, 3000.0, 0.0, 0.0])

    assert opening(shares, starts).tolist() == [1.0, 0.5, 0.25, 0.25, 0.0]


@given(st.floats(0, 1e300), st.floats(0, 1e300))
def test_the_page_rank_prior_is_bounded_and_rises(low: float, high: float) -> None:
    assume(low <= high)

    lower, higher = pagerank_prior(np.array([low, high]))

    assert -3 <= lower <= higher <= 3


def test_an_average_page_gets_no_prior() -> None:
    assert pagerank_prior(np.array([1.0, math.e, 0.0])).tolist() == pytest.approx([0, 1, -3])


signals = st.tuples(finite, finite, finite, finite, st.floats(0, 1), st.floats(0, 1), st.floats(0, 100))


@given(st.lists(signals, min_size=1, max_size=4))
def test_a_contribution_is_its_signal_times_its_weight(rows: list[tuple[float, ...]]) -> None:
    weights = Weights(dense=2, lexical=3, sentence=5, joint=7, title=17, opening=11, pagerank=13)
    dense, lexical, sentence, joint, named, start, pagerank = np.array(rows).T

    parts = contributions(
        weights,
        dense=dense,
        lexical_nats=lexical,
        sentence=sentence,
        joint=joint,
        title=named,
        opening=start,
        pagerank=pagerank,
    )

    expected = {
        "dense": 2 * dense,
        "lexical": 3 * lexical,
        "sentence": 5 * sentence,
        "joint": 7 * joint,
        "title": 17 * named,
        "opening": 11 * start,
        "pagerank": 13 * pagerank_prior(pagerank),
    }
    assert parts.keys() == expected.keys()
    for name, values in parts.items():
        np.testing.assert_allclose(values, expected[name])


def test_no_signal_counts_against_a_chunk() -> None:
    assert all(getattr(Weights(), field.name) > 0 for field in fields(Weights))
