"""How likely an answer is right: a small logistic model, fitted on data, shipped as numbers.

`calibration.json` beside this file holds the weights, what they were fitted on and how well they did there; `python -m
lumina_core.evaluation.fit FILE` writes it anew.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from lumina_core.answers.features import SENTENCE_FEATURES
from lumina_core.answers.question import AnswerType, answer_type
from lumina_core.retrieval.hits import Hit, SearchResult
from lumina_core.text.analysis import stem, words

__all__ = ["CONFIDENCE_FEATURES", "Model", "confidence", "confidence_features", "load_model"]

CONFIDENCE_FEATURES = (
    "dense",
    "sentence",
    "coverage",
    "lexical",
    "lead_margin",
    "chunk_margin",
    "agreement",
    "unknown",
    "typed",
    "missing_entity",
)
"""What the confidence is computed from; see `confidence_features`."""


@dataclass(frozen=True, slots=True)
class Model:
    """Weights by feature name. `lead` ranks sentences; `confidence` and `bias` give log-odds."""

    lead: Mapping[str, float]
    confidence: Mapping[str, float]
    bias: float

    def rank(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores of candidate sentences, `(n,)`, from `(n, len(SENTENCE_FEATURES))`."""
        weights = np.array([self.lead.get(name, 0.0) for name in SENTENCE_FEATURES])
        return np.asarray(features @ weights, dtype=np.float64)


@cache
def load_model() -> Model:
    """The model that ships with this version."""
    stored = json.loads(files("lumina_core.answers").joinpath("calibration.json").read_text(encoding="utf-8"))
    return Model(stored["lead"], stored["confidence"], stored["bias"])


def confidence(model: Model, features: Mapping[str, float]) -> float:
    """The calibrated probability, in (0, 1), that the answer holds what was asked for."""
    logit = model.bias + sum(weight * features[name] for name, weight in model.confidence.items())
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def confidence_features(
    question: str, result: SearchResult, *, lead_features: Mapping[str, float], lead_margin: float
) -> dict[str, float]:
    """Numbers that speak for or against an answer.

    `dense`, `sentence`, `coverage`: how near the best chunk and the best sentence come, and the largest share of the
    question's term weight that one chunk holds. `lexical`: that share in the lead sentence. `lead_margin`,
    `chunk_margin`: how far the lead is ahead of the next sentence elsewhere, and the best chunk of the second.
    `agreement`: whether dense, lexical and sentence scores all prefer the same chunk. `unknown`: share of the
    question's term weight on words that no chunk holds. `typed`: the lead holds the type of thing asked for, 0 where
    it does not, 0.5 where the question asks for none. `missing_entity`: share of the question's term weight on
    capitalised words and numbers that the best chunk lacks.
    """
    hits = result.hits
    best = hits[0]
    second = hits[1].score if len(hits) > 1 else best.score - 5.0
    total = sum(result.signals.term_idf.values()) or 1.0
    kind = answer_type(question)
    typed = 0.5
    if kind in (AnswerType.NUMBER, AnswerType.DATE, AnswerType.PERSON, AnswerType.PLACE):
        typed = lead_features[kind.value]
    leaders = {_leader(hits, name).chunk_id for name in ("dense", "lexical", "joint")}
    return {
        "dense": result.signals.best_dense,
        "sentence": result.signals.best_sentence,
        "coverage": result.signals.best_coverage,
        "lexical": lead_features["lexical"],
        "lead_margin": min(lead_margin, 4.0),
        "chunk_margin": min(best.score - second, 4.0),
        "agreement": (3 - len(leaders)) / 2,
        "unknown": sum(result.signals.term_idf[word] for word in result.signals.unknown_terms) / total,
        "typed": typed,
        "missing_entity": _missing_entity(question, result, total),
    }


def _leader(hits: Sequence[Hit], signal: str) -> Hit:
    return max(hits, key=lambda hit: hit.contributions.get(signal, 0.0))


def _missing_entity(question: str, result: SearchResult, total: float) -> float:
    tokens = [token for token in question.split()[1:] if token[:1].isupper() or token[:1].isdigit()]
    named = {word for token in tokens for word in words(token)}
    if not named:
        return 0.0
    best = result.hits[0]
    held = {stem(word) for word in words(f"{best.title} {best.section} {best.text}")}
    return sum(idf for word, idf in result.signals.term_idf.items() if word in named and stem(word) not in held) / total
