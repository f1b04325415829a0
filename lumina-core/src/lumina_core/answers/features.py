"""What speaks for a sentence as the answer to a question, as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lumina_core.answers.question import AnswerType, answer_type, holds_type, new_names
from lumina_core.retrieval.hits import Hit, SentenceScore
from lumina_core.text.analysis import terms

__all__ = ["SENTENCE_FEATURES", "Candidate", "candidates", "sentence_features"]

SENTENCE_FEATURES = (
    "chunk",
    "dense",
    "lexical",
    "pairs",
    "length",
    "number",
    "date",
    "person",
    "place",
    "names",
    "opens",
)
"""Columns of `sentence_features`: the chunk's score; the sentence's cosine, share of term weight and share on
neighbouring words; ln of its words; whether it holds the type asked for (one column a type); new names (up to 4, as a
share) where no type is asked for; whether it opens the article the question is about."""


@dataclass(frozen=True)
class Candidate:
    """A sentence that may be part of an answer: the `place`-th of the hit ranked `rank`."""

    hit: Hit
    rank: int
    place: int
    score: SentenceScore

    @cached_property
    def text(self) -> str:
        return self.hit.text[self.score.start : self.score.end]


def candidates(hits: Sequence[Hit], *, chunks: int) -> list[Candidate]:
    """The sentences of the first `chunks` hits that reached the second stage, in ranking and reading order."""
    return [
        Candidate(hit, rank, place, score)
        for rank, hit in enumerate(hits[:chunks])
        for place, score in enumerate(hit.sentences)
    ]


def sentence_features(question: str, found: Sequence[Candidate]) -> NDArray[np.float64]:
    """One row a candidate, `(len(found), len(SENTENCE_FEATURES))`."""
    kind = answer_type(question)
    topic = set(terms(question))
    opening = {
        hit.chunk_id: hit.start == 0 and bool(topic) and topic <= set(terms(hit.title))
        for hit in {candidate.hit.chunk_id: candidate.hit for candidate in found}.values()
    }
    rows = []
    for candidate in found:
        text = candidate.text
        holds = holds_type(kind, question, text)
        untyped = kind in (AnswerType.OTHER, AnswerType.DEFINITION)
        rows.append(
            [
                candidate.hit.score,
                candidate.score.dense,
                candidate.score.lexical,
                candidate.score.pairs,
                math.log(1 + len(text.split())),
                float(holds and kind is AnswerType.NUMBER),
                float(holds and kind is AnswerType.DATE),
                float(holds and kind is AnswerType.PERSON),
                float(holds and kind is AnswerType.PLACE),
                min(new_names(question, text), 4) / 4 if untyped else 0.0,
                float(candidate.place == 0 and opening[candidate.hit.chunk_id]),
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(found), len(SENTENCE_FEATURES))
