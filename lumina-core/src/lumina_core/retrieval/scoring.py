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
    "ChunkTerms",
    "Floats",
    "SentenceMatch",
    "Weights",
    "contributions",
    "match_sentences",
    "opening",
    "pagerank_prior",
    "share",
    "title",
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
    bm25: float = 0.34  # first stage only, where the terms of a chunk are not yet at hand
    sentence_lexical: float = 0.5  # beside the sentence's cosine, inside `joint`
    sentence_context: float = 0.3
    sentence_pairs: float = 0.5


TITLE_SHARE = 0.7
"""What a term counts in a sentence that does not hold it, when the title does: most sentences do not repeat it."""

_PAIR_REACH = 2


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """Term ids of a chunk: `ids` of all sentences, one after the other; `counts`, how many of them each sentence has,
    which sum to `len(ids)`; `title` of its title and heading."""

    ids: NDArray[np.uint32]
    counts: Sequence[int]
    title: Sequence[int]


@dataclass(frozen=True, slots=True)
class SentenceMatch:
    """One row a sentence. All are shares of the question's term weight, in [0, 1].

    `lexical`, `pairs`, `body` and `context` are `(n,)`. `body` is what is found in the sentence itself, `lexical` that
    with what the title holds, in part; `context` is what neither holds but one of the two sentences before it does.
    `chunk` is the share found in the whole chunk or its title.
    """

    lexical: Floats
    pairs: Floats
    body: Floats
    context: Floats
    chunk: float


def share(question: QuestionTerms, found: NDArray[np.bool_]) -> float:
    """The share of the question's term weight on the terms marked in `found`, `(n_terms,)`."""
    return float(question.idf[found].sum() / question.total_idf)


def match_sentences(question: QuestionTerms, chunks: Sequence[ChunkTerms]) -> list[SentenceMatch]:
    """Match the question's terms against the sentences of some chunks, all at once; in the order given."""
    if not chunks:
        return []
    keys, columns = np.unique(question.ids, return_inverse=True)
    idf, total = question.idf, question.total_idf
    counts = np.concatenate([np.asarray(chunk.counts, dtype=np.int64) for chunk in chunks])
    owner = np.repeat(np.arange(len(counts)), counts)
    places, found, owners = _found(keys, chunks, owner)

    held = np.zeros((len(counts), len(keys)), dtype=np.bool_)
    held[owners, found] = True
    sizes = [len(chunk.counts) for chunk in chunks]
    of = np.repeat(np.arange(len(chunks)), sizes)
    known = set(keys.tolist())
    titles = np.array([[key in title for key in keys.tolist()] for title in _titles(chunks, known)], dtype=np.bool_)
    titled = titles.reshape(len(chunks), len(keys))[of] & ~held
    before = np.zeros_like(held)
    for step in (1, 2):
        same = of[step:] == of[:-step]
        before[step:][same] |= held[:-step][same]

    # A term may stand for several of the question's where their ids collide: `columns` says for which.
    weight = np.bincount(columns, weights=idf, minlength=len(keys)) / total
    body = held @ weight
    lexical = body + TITLE_SHARE * (titled @ weight)
    context = (before & ~held & ~titled) @ weight
    pairs = _pairs(question, columns, places, found, owners, len(counts))

    matches = []
    start = 0
    for number, size in enumerate(sizes):
        rows = slice(start, start + size)
        anywhere = held[rows].any(axis=0) | titles[number] if len(keys) else np.zeros(0, dtype=np.bool_)
        matches.append(
            SentenceMatch(lexical[rows], pairs[rows], body[rows], context[rows], float(weight[anywhere].sum()))
        )
        start += size
    return matches


def _found(
    keys: NDArray[np.uint32], chunks: Sequence[ChunkTerms], owner: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where terms of the question stand: their places in order, which `keys` they are, and the sentences they are in.
    Places of two chunks are further apart than any two words that count as neighbours."""
    terms = np.concatenate([chunk.ids for chunk in chunks])
    if not len(keys) or not len(terms):
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    nearest = np.minimum(np.searchsorted(keys, terms), len(keys) - 1)
    (rows,) = np.nonzero(keys[nearest] == terms)
    gaps = np.repeat(np.arange(len(chunks)) * (_PAIR_REACH + 1), [len(chunk.ids) for chunk in chunks])
    return rows + gaps[rows], nearest[rows], owner[rows]


def _titles(chunks: Sequence[ChunkTerms], known: set[int]) -> list[set[int]]:
    return [known.intersection(chunk.title) for chunk in chunks]


def _pairs(
    question: QuestionTerms,
    columns: NDArray[np.intp],
    places: NDArray[np.int64],
    found: NDArray[np.int64],
    owners: NDArray[np.int64],
    sentences: int,
) -> Floats:
    """The share of the question's weight on neighbours that are neighbours here; the first of two says where."""
    pairs = np.zeros(sentences)
    of_key = {key: np.flatnonzero(found == key) for key in set(found.tolist())}
    for first, second in question.pairs:
        one, other = of_key.get(int(columns[first])), of_key.get(int(columns[second]))
        if one is None or other is None:
            continue
        at = places[one]
        near = np.searchsorted(places[other], at + _PAIR_REACH, side="right") > np.searchsorted(
            places[other], at - _PAIR_REACH
        )
        pairs[np.unique(owners[one[near]])] += min(question.idf[first], question.idf[second])
    return np.minimum(pairs / question.total_idf, 1.0)  # words that a question repeats have more neighbours than weight


def pagerank_prior(pagerank: float) -> float:
    """A page rank (mean 1) as a bounded prior: its natural logarithm, within ±3."""
    return min(max(math.log(max(pagerank, 1e-6)), -3.0), 3.0)


def title(question: QuestionTerms, title_ids: Sequence[int]) -> float:
    """How far the question is about the thing an article is named for: the share of its term weight on the title's
    terms, where it holds all of them, else 0."""
    if len(title_ids) == 0:
        return 0.0
    found = np.isin(question.ids, np.array(title_ids, dtype=np.uint32))
    return share(question, found) if set(title_ids) <= set(question.ids.tolist()) else 0.0


def opening(about: float, start: int) -> float:
    """How near a chunk stands to the opening of the article the question is `about` (see `title`): the square of that
    share, so that it counts where little else is asked, falling to a half after 1,000 characters."""
    return about * about / (1.0 + start / 1000.0)


def contributions(
    weights: Weights,
    *,
    dense: float,
    lexical_nats: float,
    sentence: float,
    joint: float,
    title: float,
    opening: float,
    pagerank: float,
) -> Mapping[str, float]:
    """The parts of a chunk's score by signal; the score is their sum."""
    return {
        "dense": weights.dense * dense,
        "lexical": weights.lexical * lexical_nats,
        "sentence": weights.sentence * sentence,
        "joint": weights.joint * joint,
        "title": weights.title * title,
        "opening": weights.opening * opening,
        "pagerank": weights.pagerank * pagerank_prior(pagerank),
    }
