"""The seam behind which answers are made (`lumina.answerers`), and what an answer is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lumina_core.documents import ArticleId, ChunkId
from lumina_core.retrieval.hits import SearchResult

__all__ = ["ABSTENTION", "Answer", "Answerer", "Citation", "Outcome"]


ABSTENTION = "I do not know: nothing I have read answers this."
"""The text of an answer that is not given."""


class Outcome(StrEnum):
    """Whether the question was answered, answered in part, or not answered at all."""

    ANSWERED = "answered"
    PARTIAL = "partial"
    ABSTAINED = "abstained"


@dataclass(frozen=True, slots=True)
class Citation:
    """The span that backs a sentence of an answer.

    `marker` is the number printed after the sentence. `start` and `end` are offsets in the text of the article's
    `revision`, and `text` is what stands there; `fingerprint` is SHA-256 of it (`documents.fingerprint`), so that a
    citation can be checked years later. `cite_id` is the Wikidata id where known, else the article's id.
    """

    marker: int
    cite_id: str
    chunk_id: ChunkId
    article_id: ArticleId
    title: str
    url: str
    section: str
    revision: str
    start: int
    end: int
    text: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its evidence.

    `text` carries markers like `[1]` after each sentence; `sentences` are the same sentences without them.
    `confidence` is the calibrated probability that the answer is right, in [0, 1]; for an abstention, of the answer
    that was not given. `features` are the numbers the confidence was computed from.
    """

    text: str
    outcome: Outcome
    confidence: float
    sentences: tuple[str, ...]
    citations: tuple[Citation, ...]
    features: Mapping[str, float]


class Answerer(Protocol):
    """Makes an answer from what a search found."""

    def answer(self, question: str, result: SearchResult) -> Answer:
        """Answer from `result` alone: nothing is said that no hit says. Pure computation, some milliseconds."""
