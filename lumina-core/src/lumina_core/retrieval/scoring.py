"""How well chunks and sentences fit a question: pure functions on arrays.

Every signal keeps its natural scale instead of being normalised over the candidates: cosines stay cosines, and terms
count by their information, in nats. The fusion adapts to the question by that alone: six rare words weigh more
against the dense vectors than two common ones do, and a signal that tells no chunks apart changes nothing.
`docs/retrieval.md` has what was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumina_core.retrieval.terms import QuestionTerms

__all__ = [
    "Floats",
    "Passages",
    "TermMatch",
    "Weights",
    "about",
    "contributions",
    "match_terms",
    "opening",
    "pagerank_prior",
    "share",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal adds to a chunk's score, which is in log-odds. The fit is in `docs/retrieval.md`."""

    dense: float = 7.0
    lexical: float = 0.34
    sentence: float = 10.5
    joint: float = 4.6
    title: float = 5.0
    opening: float = 2.0
    pagerank: float = 0.05
    sentence_lexical: float = 0.5  # beside the sentence's cosine, inside `joint`
    sentence_context: float = 0.3
    sentence_pairs: float = 0.5


TITLE_SHARE = 0.7
"""What a term counts in a sentence that does not hold it, when the title does: most sentences do not repeat it."""

_PAIR_REACH = 2
_CONTEXT_REACH = 2


@dataclass(frozen=True, slots=True)
class Passages:
    """The terms of some chunks, one after the other.

    `ids` holds the term ids of all sentences, uint32; `lengths` how many each sentence has, `(n_sentences,)`; `counts`
    how many sentences each chunk has, `(n_chunks,)`; and `titles` the term ids of each chunk's title and heading.
    """

    ids: NDArray[np.uint32]
    lengths: NDArray[np.int64]
    counts: NDArray[np.int64]
    titles: Sequence[frozenset[int]]


@dataclass(frozen=True, slots=True)
class TermMatch:
    """How much of the question's term weight was found, as shares in [0, 1].

    Of each sentence, `(n_sentences,)`: `body` in itself; `lexical` that with what its title holds, in part; `context`
    what neither holds but one of the two sentences before it does; `pairs` on words that stand beside each other in
    both. Of each chunk, `(n_chunks,)`: `chunk` in all of it or its title.
    """

    lexical: Floats
    context: Floats
    pairs: Floats
    body: Floats
    chunk: Floats


def share(question: QuestionTerms, found: NDArray[np.bool_]) -> float:
    """The share of the question's term weight on the terms marked in `found`, `(n_terms,)`."""
    return float(question.idf[found].sum() / question.total_idf)


def match_terms(question: QuestionTerms, passages: Passages) -> TermMatch:
    """Match the question's terms against the sentences of all chunks at once."""
    sentences, chunks = len(passages.lengths), len(passages.counts)
    chunk_of = np.repeat(np.arange(chunks), passages.counts)
    sentence_of = np.repeat(np.arange(sentences), passages.lengths)
    idf, total = question.idf, question.total_idf

    # One row a term of the question: in which sentences, chunks and titles it stands.
    places = [np.flatnonzero(passages.ids == key) for key in question.ids]
    in_sentence = np.zeros((len(places), sentences), np.bool_)
    in_chunk = np.zeros((len(places), chunks), np.bool_)
    for term, found in enumerate(places):
        held = sentence_of[found]
        in_sentence[term, held] = True
        in_chunk[term, chunk_of[held]] = True
    in_title = _in_titles(question, passages.titles)

    pairs = np.zeros(sentences)
    for first, second in question.pairs:
        held = sentence_of[_beside(places[first], places[second], chunk_of[sentence_of])]
        pairs[np.unique(held)] += min(idf[first], idf[second])
    titled = in_title[:, chunk_of] & ~in_sentence
    before = np.zeros_like(in_sentence)
    for reach in range(1, _CONTEXT_REACH + 1):
        before[:, reach:] |= in_sentence[:, :-reach] & (chunk_of[reach:] == chunk_of[:-reach])
    body = idf @ in_sentence
    return TermMatch(
        lexical=(body + TITLE_SHARE * (idf @ titled)) / total,
        context=idf @ (before & ~in_sentence & ~titled) / total,
        pairs=np.minimum(pairs / total, 1.0),  # words that a question repeats have more neighbours than weight
        body=body / total,
        chunk=idf @ (in_chunk | in_title) / total,
    )


def _in_titles(question: QuestionTerms, titles: Sequence[frozenset[int]]) -> NDArray[np.bool_]:
    """`(n_terms, n_chunks)`. Many chunks share a title: each is looked at once."""
    asked = question.ids.tolist()
    known = {title: [key in title for key in asked] for title in set(titles)}
    return np.array([known[title] for title in titles], np.bool_).reshape(len(titles), len(asked)).T


def _beside(places: NDArray[np.int64], others: NDArray[np.int64], chunk_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the ascending places that have one of the others, ascending too, at most `_PAIR_REACH` away in their
    chunk."""
    if not len(places) or not len(others):
        return places[:0]
    # Chunks are moved apart, so that none reaches into the next.
    apart = others + _PAIR_REACH * chunk_of[others]
    here = places + _PAIR_REACH * chunk_of[places]
    following = np.searchsorted(apart, here - _PAIR_REACH)
    nearest = apart[np.minimum(following, len(apart) - 1)]
    return places[np.abs(nearest - here) <= _PAIR_REACH]


def pagerank_prior(pagerank: Floats) -> Floats:
    """Page ranks (mean 1) as bounded priors: their natural logarithms, within ±3."""
    return np.clip(np.log(np.maximum(pagerank, 1e-6)), -3.0, 3.0)


def about(question: QuestionTerms, names: Sequence[frozenset[int]]) -> Floats:
    """How far the question is about the thing each chunk's article is named for, `(n,)`: the share of its term weight
    on the terms of the title, where it holds all of them, else 0.

    Args:
        names: Term ids of the titles alone.
    """
    weights = dict(zip(question.ids.tolist(), question.idf.tolist(), strict=True))
    asked = weights.keys()
    shares = {name: sum(weights[key] for key in name) if name and name <= asked else 0.0 for name in set(names)}
    return np.array([shares[name] for name in names], np.float64) / question.total_idf


def opening(about: Floats, starts: Floats) -> Floats:
    """How near each chunk stands to the opening of the article the question is `about`, `(n,)`: the square of that
    share, so that it counts where little else is asked, falling to a half after 1,000 characters."""
    return about * about / (1.0 + starts / 1000.0)


def contributions(
    weights: Weights,
    *,
    dense: Floats,
    lexical_nats: Floats,
    sentence: Floats,
    joint: Floats,
    title: Floats,
    opening: Floats,
    pagerank: Floats,
) -> Mapping[str, Floats]:
    """The parts of the chunks' scores by signal, `(n,)` each; a score is their sum."""
    return {
        "dense": weights.dense * dense,
        "lexical": weights.lexical * lexical_nats,
        "sentence": weights.sentence * sentence,
        "joint": weights.joint * joint,
        "title": weights.title * title,
        "opening": weights.opening * opening,
        "pagerank": weights.pagerank * pagerank_prior(pagerank),
    }
