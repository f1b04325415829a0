"""How likely an answer is right: a small logistic model, fitted on data, shipped as numbers.

`calibration.json` beside this file holds the weights and what they were fitted on. `python -m bench.fit` in the
project's tree fits them anew, and prints how well they did.
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

from lumina_core.answers.features import SENTENCE_FEATURES, Candidate
from lumina_core.retrieval.hits import SearchResult
from lumina_core.text.analysis import stem, terms, words

__all__ = ["CONFIDENCE_FEATURES", "Model", "confidence", "confidence_features", "load_model"]

CONFIDENCE_FEATURES = ("sentence", "words", "share", "missing", "unknown", "typed", "typed_sentence")
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
    question: str, result: SearchResult, found: Sequence[Candidate], scores: NDArray[np.float64], said: Sequence[int]
) -> dict[str, float]:
    """Numbers that speak for or against an answer of the sentences `found[place]` for the places `said`, the first
    sentence first.

    Every one is a share, a cosine or a length, so that none drifts as the index grows. `sentence`: the first sentence's
    cosine to the question. `words`: ln of one more than the number of the question's terms, since short
    questions come nearer to whatever they are about. `share`: the part of the probability that the lead model spreads
    over all candidates which falls on what is said. `missing`: the share of the question's term weight on capitalised
    words and numbers that the first one's chunk lacks. `unknown`: that on words which no chunk at all holds. `typed`: 1
    where the question is written as one types into a search box, without a capital or a question mark, since such a one
    comes nearer to whatever it is about; `typed_sentence`: `sentence` there, else 0.
    """
    best = found[said[0]]
    total = sum(result.signals.term_idf.values()) or 1.0
    mass = np.exp(scores - scores.max())
    typed = float(question == question.lower() and "?" not in question)
    return {
        "sentence": best.score.dense,
        "words": math.log(1 + len(result.signals.term_idf)),
        "share": float(mass[list(said)].sum() / mass.sum()),
        "missing": _missing(question, result, best) / total,
        "unknown": sum(result.signals.term_idf[word] for word in result.signals.unknown_terms) / total,
        "typed": typed,
        "typed_sentence": typed * best.score.dense,
    }


def _missing(question: str, result: SearchResult, best: Candidate) -> float:
    tokens = [token for token in question.split()[1:] if token[:1].isupper() or token[:1].isdigit()]
    named = {stem(word) for token in tokens for word in words(token)}
    held = set(terms(f"{best.hit.title} {best.hit.section} {best.hit.text}"))
    asked = {stem(word): idf for word, idf in result.signals.term_idf.items()}
    return sum(idf for term, idf in asked.items() if term in named and term not in held)
