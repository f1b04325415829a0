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
    "SentenceMatch",
    "Weights",
    "contributions",
    "match_sentences",
    "opening",
    "pagerank_prior",
    "share",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal adds to a chunk's score, which is in log-odds. The fit is in `docs/retrieval.md`."""

    dense: float = 7.2
    lexical: float = 0.39
    sentence: float = 10.9
    joint: float = 4.3
    opening: float = 3.2
    pagerank: float = 0.05
    bm25: float = 0.39  # first stage only, where the terms of a chunk are not yet at hand
    sentence_lexical: float = 0.5  # beside the sentence's cosine, inside `joint`
    sentence_pairs: float = 0.5


TITLE_SHARE = 0.7
"""What a term counts in a sentence that does not hold it, when the title does: most sentences do not repeat it."""

_PAIR_REACH = 2


@dataclass(frozen=True, slots=True)
class SentenceMatch:
    """One row a sentence. `lexical` and `pairs` are `(n,)`, shares of the question's term weight, in [0, 1].

    `body` is `(n,)`, the share found in the sentence itself, title aside. `chunk` is the share found in the whole
    chunk or its title.
    """

    lexical: Floats
    pairs: Floats
    body: Floats
    chunk: float


def share(question: QuestionTerms, found: NDArray[np.bool_]) -> float:
    """The share of the question's term weight on the terms marked in `found`, `(n_terms,)`."""
    return float(question.idf[found].sum() / question.total_idf)


def match_sentences(
    question: QuestionTerms, ids: NDArray[np.uint32], counts: Sequence[int], title_ids: Sequence[int]
) -> SentenceMatch:
    """Match the question's terms against a chunk's sentences.

    Args:
        question: Its terms.
        ids: Term ids of all sentences, one after the other.
        counts: How many of them each sentence has; they sum to `len(ids)`.
        title_ids: Term ids of the title and heading.
    """
    n_sentences, n_terms = len(counts), len(question.ids)
    in_title = np.isin(question.ids, np.asarray(title_ids, dtype=np.uint32))
    held = np.zeros((n_sentences, n_terms), dtype=np.bool_)
    owner = np.repeat(np.arange(n_sentences), counts)
    positions: dict[int, NDArray[np.intp]] = {}
    for column, key in enumerate(question.ids):
        places = np.flatnonzero(ids == key)
        if len(places):
            held[owner[places], column] = True
            positions[column] = places
    pairs = np.zeros(n_sentences)
    for first, second in question.pairs:
        if first in positions and second in positions:
            gaps = np.abs(positions[first][:, None] - positions[second][None, :])
            near = positions[first][(gaps <= _PAIR_REACH).any(axis=1)]
            pairs[np.unique(owner[near])] += min(question.idf[first], question.idf[second])
    total = question.total_idf
    body = (held @ question.idf) / total
    lexical = body + TITLE_SHARE * ((~held & in_title[None, :]) @ question.idf) / total
    pairs = np.minimum(pairs / total, 1.0)  # words that a question repeats have more neighbours than weight
    return SentenceMatch(lexical, pairs, body, share(question, held.any(axis=0) | in_title))


def pagerank_prior(pagerank: float) -> float:
    """A page rank (mean 1) as a bounded prior: its natural logarithm, within ±3."""
    return float(np.clip(np.log(max(pagerank, 1e-6)), -3.0, 3.0))


def opening(question: QuestionTerms, title_ids: Sequence[int], start: int) -> float:
    """How near a chunk stands to the opening of the article the question is about, in [0, 1]: 0 where the title holds
    a term that the question does not, else falling from 1 with the chunk's offset, to a half after 1,000 characters."""
    if len(title_ids) == 0 or not np.isin(np.asarray(title_ids, dtype=np.uint32), question.ids).all():
        return 0.0
    return 1.0 / (1.0 + start / 1000.0)


def contributions(
    weights: Weights,
    *,
    dense: float,
    lexical_nats: float,
    sentence: float,
    joint: float,
    opening: float,
    pagerank: float,
) -> Mapping[str, float]:
    """The parts of a chunk's score by signal; the score is their sum."""
    return {
        "dense": weights.dense * dense,
        "lexical": weights.lexical * lexical_nats,
        "sentence": weights.sentence * sentence,
        "joint": weights.joint * joint,
        "opening": weights.opening * opening,
        "pagerank": weights.pagerank * pagerank_prior(pagerank),
    }
