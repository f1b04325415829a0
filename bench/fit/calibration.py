"""How far a confidence can be trusted: calibration error and separation, on articles the fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bench.fit.answers import Told, fit_confidence
from bench.fit.collect import EVERYTHING
from bench.fit.models import Floats, folds, probability

from lumina_core.evaluation.measures import auroc, expected_calibration_error

__all__ = ["across_sets", "cross_validated", "sampled_error", "separation"]


def cross_validated(told: Sequence[Told]) -> Floats:
    """Confidences, each from a fit without the articles of its fold."""
    sure = np.zeros(len(told))
    table = np.array([one.features for one in told])
    for learned, judged in folds([one.group for one in told]):
        weights = fit_confidence([told[place] for place in learned])
        sure[judged] = probability(table[judged], weights)
    return sure


def across_sets(told: Sequence[Told]) -> Floats:
    """Confidences, each from a fit on the other sets alone: as far from its own data as we can go."""
    sure = np.zeros(len(told))
    table = np.array([one.features for one in told])
    for name in {one.group[0] for one in told}:
        judged = [place for place, one in enumerate(told) if one.group[0] == name]
        weights = fit_confidence([one for one in told if one.group[0] != name])
        sure[judged] = probability(table[judged], weights)
    return sure


def separation(told: Sequence[Told], sure: Floats) -> dict[str, float | None]:
    """AUROC of answerable questions against the same with their article removed, and against impossible ones about
    the articles that have some: other articles may be easier for other reasons."""
    tricked = {one.group for one in told if one.impossible}
    halved = [(one, value) for one, value in zip(told, sure, strict=True) if one.round != EVERYTHING]
    whole = [(one, value) for one, value in zip(told, sure, strict=True) if one.round == EVERYTHING]
    return {
        "held_out": auroc(
            [value for one, value in halved if one.is_there], [value for one, value in halved if not one.is_there]
        ),
        "impossible": auroc(
            [value for one, value in whole if not one.impossible], [value for one, value in whole if one.impossible]
        ),
        "impossible, same articles": auroc(
            [value for one, value in whole if not one.impossible and one.group in tricked],
            [value for one, value in whole if one.impossible],
        ),
    }


def sampled_error(
    sure: Floats, right: Sequence[bool], count: int, *, draws: int = 200, seed: int = 0
) -> dict[str, float]:
    """The calibration error that a file of `count` such questions shows: mean and 90th percentile over `draws` samples
    with replacement; `perfect` is the mean where every answer is right exactly as often as its confidence says."""
    rng = np.random.default_rng(seed)
    good = np.array(right)
    shown, perfect = [], []
    for _ in range(draws):
        rows = rng.integers(len(sure), size=count)
        shown.append(expected_calibration_error(sure[rows].tolist(), good[rows].tolist()))
        fair = rng.random(count) < sure[rows]
        perfect.append(expected_calibration_error(sure[rows].tolist(), fair.tolist()))
    return {"mean": float(np.mean(shown)), "p90": float(np.percentile(shown, 90)), "perfect": float(np.mean(perfect))}
