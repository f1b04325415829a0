"""The weights of `calibration.json`: which sentence answers, and how likely the answer is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from bench.fit.collect import EVERYTHING, Found
from bench.fit.models import Choice, Flags, Floats, fit_probability, fit_ranking, folds, negative_log_likelihood
from bench.fit.ranking import Row, standardised

from lumina_core.answers.confidence import CONFIDENCE_FEATURES, Model
from lumina_core.answers.extractive import ExtractiveAnswerer
from lumina_core.answers.features import SENTENCE_FEATURES, Candidate, candidates, sentence_features
from lumina_core.evaluation.measures import holds_answer

__all__ = ["Told", "compare_leads", "fit_confidence", "lead_choices", "tell"]

CHUNKS = 5
HAND_SET = {"defines": 3.0}
"""Neither set has enough such questions to fit it."""

PRIOR = {"number": 3.0, "date": 2.5, "person": 2.0, "place": 1.0, "counted": 3.0, "relation": 2.0}
"""What the types are held near to instead of zero: the fit of each alone has few questions to go by."""

CONFIDENCE_STRENGTH = 0.1


@dataclass(frozen=True, slots=True)
class Lead:
    """A case's candidates. `right` are those in a right chunk that hold an answer, `holds` all that hold one."""

    found: Found
    candidates: tuple[Candidate, ...]
    choice: Choice
    holds: Flags


def lead_choices(name: str, found: Iterable[Found]) -> list[Lead]:
    """For the answerable cases with everything indexed."""
    made = []
    for one in found:
        if one.round != EVERYTHING or one.case.is_impossible:
            continue
        sentences = candidates(one.result.hits, chunks=CHUNKS)
        holds = np.array([holds_answer(candidate.text, one.case.answers) for candidate in sentences])
        gold = np.array([candidate.hit.chunk_id in one.case.gold for candidate in sentences])
        right = holds & gold if (holds & gold).any() else holds
        table = sentence_features(one.case.question, sentences)
        made.append(Lead(one, tuple(sentences), Choice(table, right, (name, one.case.article)), holds))
    return made


def fit_lead(leads: Sequence[Lead]) -> Floats:
    """Weights by `SENTENCE_FEATURES`, each set counting the same."""
    sizes = {name: sum(one.choice.group[0] == name for one in leads) for name in {one.choice.group[0] for one in leads}}
    fixed = np.array([HAND_SET.get(name, 0.0) for name in SENTENCE_FEATURES])
    free = np.array([name not in HAND_SET for name in SENTENCE_FEATURES])
    choices = [
        Choice(one.choice.features[:, free], one.choice.right, one.choice.group, 100.0 / sizes[one.choice.group[0]])
        for one in leads
    ]
    prior = np.array([PRIOR.get(name, 0.0) for name in SENTENCE_FEATURES])[free]
    fixed[free] = fit_ranking(choices, prior=prior, strength=0.01)
    return fixed


def compare_leads(leads: Sequence[Lead]) -> tuple[list[Row], Floats]:
    """The rows of a table of how often the first sentence holds an answer, and the weights fitted on everything."""
    rows: list[Row] = []
    names = sorted({one.choice.group[0] for one in leads})
    for name in names:
        own = [one for one in leads if one.choice.group[0] == name]
        rows.append(("any candidate", name, {"hit_first": float(np.mean([one.holds.any() for one in own]))}))
        for label, weight in (("recipe without types", 0.0), ("recipe", 1.0)):
            hits = [one.holds[int(np.argmax(_recipe(one, weight)))] for one in own]
            rows.append((label, name, {"hit_first": float(np.mean(hits))}))
    told: dict[str, list[tuple[bool, float]]] = {name: [] for name in names}
    for learned, judged in folds([one.choice.group for one in leads]):
        weights = fit_lead([leads[place] for place in learned])
        for place in judged:
            one = leads[place]
            scores = one.choice.features @ weights
            loss = negative_log_likelihood(scores, one.choice.right) if one.choice.right.any() else np.nan
            told[one.choice.group[0]].append((bool(one.holds[int(np.argmax(scores))]), loss))
    for name, pairs in told.items():
        measured = {"hit_first": float(np.mean([hit for hit, _ in pairs]))}
        measured["nll"] = float(np.nanmean([loss for _, loss in pairs]))
        rows.append(("fitted, cross-validated", name, measured))
    return rows, fit_lead(leads)


def _recipe(one: Lead, typed: float) -> Floats:
    """Chunk score + half dense + half lexical, as z-scores, + one standard deviation where the type is there."""
    table = dict(zip(SENTENCE_FEATURES, one.choice.features.T, strict=True))
    chunk = np.array([candidate.hit.score for candidate in one.candidates])
    holds = table["number"] + table["date"] + table["person"] + table["place"]
    return (
        standardised(chunk) + 0.5 * standardised(table["dense"]) + 0.5 * standardised(table["lexical"]) + typed * holds
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What was answered in one round: the numbers its confidence is computed from, and whether it was right."""

    group: tuple[str, int]
    round: int
    features: Floats
    in_first: bool
    right: bool
    impossible: bool
    is_there: bool


def tell(name: str, found: Iterable[Found], model: Model) -> list[Told]:
    """Answer every case in every round with a model that never abstains."""
    answerer = ExtractiveAnswerer(model, abstain_below=0.0, partial_below=0.0)
    told = []
    for one in found:
        answer = answerer.answer(one.case.question, one.result)
        good = one.is_there and not one.case.is_impossible
        if not answer.sentences or (not one.is_there and holds_answer(" ".join(answer.sentences), one.case.answers)):
            continue  # another article may well answer, too: nobody can say whether this was right
        told.append(
            Told(
                (name, one.case.article),
                one.round,
                np.array([answer.features[key] for key in CONFIDENCE_FEATURES]),
                good and holds_answer(answer.sentences[0], one.case.answers),
                good and holds_answer(" ".join(answer.sentences), one.case.answers),
                one.case.is_impossible,
                one.is_there,
            )
        )
    return told


def fit_confidence(told: Sequence[Told]) -> Floats:
    """Weights by `CONFIDENCE_FEATURES` and the bias, from the rounds in which half of the articles are missing: there
    one cannot tell beforehand whether an answer is to be had. Each set counts the same."""
    halved = [one for one in told if one.round != EVERYTHING]
    names = [one.group[0] for one in halved]
    weight = np.array([200.0 / names.count(name) for name in names])
    return fit_probability(
        np.array([one.features for one in halved]),
        np.array([one.right for one in halved], dtype=np.float64),
        weight,
        strength=CONFIDENCE_STRENGTH,
    )
