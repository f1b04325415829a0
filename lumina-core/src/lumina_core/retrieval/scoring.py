"""How well chunks and sentences fit a question: pure functions on arrays.

Every signal keeps its natural scale instead of being normalised over the candidates: cosines stay cosines, and terms
count by their information, in nats. The fusion adapts to the question by that alone: six rare words weigh more
against the dense vectors than two common ones do, and a signal that tells no chunks apart changes nothing.
`docs/retrieval.md` has what was tried.
"""

from __future__ import annotations

import math
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
    # Plain Python: a chunk has some hundred terms, and numpy would take longer to be called than to count them.
    columns = {key: column for column, key in enumerate(question.ids.tolist())}
    idf: list[float] = question.idf.tolist()
    titles = set(title_ids)
    in_title = [key in titles for key in question.ids.tolist()]
    positions: dict[int, list[int]] = {}
    held: list[set[int]] = []
    owner: list[int] = []
    start = 0
    terms: list[int] = ids.tolist()
    for sentence, count in enumerate(counts):
        of_sentence = terms[start : start + count]
        found: set[int] = set()
        if not columns.keys().isdisjoint(of_sentence):
            for place, key in enumerate(of_sentence, start):
                if (column := columns.get(key)) is not None:
                    positions.setdefault(column, []).append(place)
                    found.add(column)
        held.append(found)
        owner += [sentence] * count
        start += count
    pairs = np.zeros(len(held))
    for first, second in question.pairs:
        if first in positions and second in positions:
            weight = min(idf[first], idf[second])
            near = {
                owner[place]
                for place in positions[first]
                if any(abs(place - other) <= _PAIR_REACH for other in positions[second])
            }
            for sentence in near:
                pairs[sentence] += weight
    total = question.total_idf
    body = np.array([sum(idf[column] for column in found) for found in held]) / total
    missing = [
        sum(weight for column, weight in enumerate(idf) if in_title[column] and column not in found) for found in held
    ]
    lexical = body + TITLE_SHARE * np.array(missing) / total
    chunk = sum(weight for column, weight in enumerate(idf) if column in positions or in_title[column]) / total
    pairs = np.minimum(pairs / total, 1.0)  # words that a question repeats have more neighbours than weight
    return SentenceMatch(lexical, pairs, body, chunk)


def pagerank_prior(pagerank: float) -> float:
    """A page rank (mean 1) as a bounded prior: its natural logarithm, within ±3."""
    return min(max(math.log(max(pagerank, 1e-6)), -3.0), 3.0)


def opening(question: QuestionTerms, title_ids: Sequence[int], start: int) -> float:
    """How near a chunk stands to the opening of the article the question is about, in [0, 1]: 0 where the title holds
    a term that the question does not, else falling from 1 with the chunk's offset, to a half after 1,000 characters."""
    if len(title_ids) == 0 or not set(title_ids) <= set(question.ids.tolist()):
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
