"""What speaks for a sentence as the answer to a question, as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lumina_core.answers.question import AnswerType, answer_type, asks_definition, counted, defines
from lumina_core.answers.relations import relation_terms
from lumina_core.answers.spans import answer_spans, counts, new_names
from lumina_core.retrieval.hits import Hit, SentenceScore
from lumina_core.text.analysis import terms

__all__ = ["SENTENCE_FEATURES", "Candidate", "candidates", "sentence_features"]

_LONG_ENOUGH = 35

SENTENCE_FEATURES = (
    "chunk",
    "dense",
    "lexical",
    "context",
    "length",
    "number",
    "date",
    "person",
    "place",
    "strong",
    "counted",
    "names",
    "relation",
    "defines",
)
"""Columns of `sentence_features`: the chunk's score; the sentence's cosine, share of term weight, and share of it in
the two sentences before; ln of its words, up to 35; whether it holds the type asked for, one column a type, whether in
a `strong` form, and whether as a number of the things counted; where no type is asked for, its new names (up to 4,
over 4); whether it states the relation a question for a person, place or date asks for; and how far it defines what a
question asks the definition of, see `defines`."""


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
    typed = kind in (AnswerType.PERSON, AnswerType.PLACE, AnswerType.DATE)
    untyped = kind in (AnswerType.OTHER, AnswerType.DEFINITION)
    relation = relation_terms(question) if typed else frozenset()
    things = counted(question)
    defined = asks_definition(question)
    rows = []
    for candidate in found:
        text = candidate.text
        # A number that only names the subject, as in "Village 3", may well be the answer, too.
        said = question.replace(candidate.hit.title, "") if kind is AnswerType.NUMBER else question
        spans = answer_spans(kind, said, text)
        length = len(text.split())
        rows.append(
            [
                candidate.hit.score,
                candidate.score.dense,
                candidate.score.lexical,
                candidate.score.context,
                math.log(1 + min(length, _LONG_ENOUGH)),
                float(bool(spans) and kind is AnswerType.NUMBER),
                float(bool(spans) and kind is AnswerType.DATE),
                float(bool(spans) and kind is AnswerType.PERSON),
                float(bool(spans) and kind is AnswerType.PLACE),
                float(any(span.strong for span in spans)),
                float(any(counts(text, span, things) for span in spans)) if things else 0.0,
                min(new_names(question, text), 4) / 4 if untyped else 0.0,
                float(bool(relation) and not relation.isdisjoint(terms(text))),
                defines(question, text, opens=_opens(candidate)) if defined else 0.0,
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(found), len(SENTENCE_FEATURES))


def _opens(candidate: Candidate) -> bool:
    return candidate.hit.start == 0 and candidate.place == 0
