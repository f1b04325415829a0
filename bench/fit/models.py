"""The two small models that are fitted: one that ranks, one that gives a probability. Newton's method, in numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Choice", "fit_probability", "fit_ranking", "folds", "negative_log_likelihood", "probability"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """Some things to choose from, `(n, d)`, and which of them are right; `group` is what cross-validation keeps
    together, and `weight` what it counts."""

    features: Floats
    right: Flags
    group: tuple[str, int]
    weight: float = 1.0


def negative_log_likelihood(scores: Floats, right: Flags) -> float:
    """Of choosing any right one, where the scores are log-odds."""
    return _log_sum(scores) - _log_sum(scores[right])


def fit_ranking(choices: Sequence[Choice], *, prior: Floats | None = None, strength: float = 0.01) -> Floats:
    """Weights under which the right one is chosen most likely (a conditional logit), `(d,)`.

    A Gaussian prior around `prior`, zero unless given, holds each back by `strength` for every choice and unit of its
    feature's variance, so that scales do not matter.
    """
    usable = [choice for choice in choices if choice.right.any()]
    spread = np.sqrt(np.mean([choice.features.var(axis=0) for choice in usable], axis=0)) + 1e-6
    hold = strength * sum(choice.weight for choice in usable) * spread**2
    centre = np.zeros(len(spread)) if prior is None else prior

    def loss(weights: Floats) -> float:
        told = sum(
            choice.weight * negative_log_likelihood(choice.features @ weights, choice.right) for choice in usable
        )
        return told + 0.5 * float((hold * (weights - centre) ** 2).sum())

    weights = centre.copy()
    now = loss(weights)
    for _ in range(_STEPS):
        slope, bend = hold * (weights - centre), np.diag(hold)
        for choice in usable:
            table = choice.features
            chosen = _softmax(table @ weights)
            wanted = np.where(choice.right, chosen, 0.0)
            wanted /= wanted.sum()
            mean = chosen @ table
            slope = slope + choice.weight * ((chosen - wanted) @ table)
            bend = bend + choice.weight * ((table * chosen[:, None]).T @ table - np.outer(mean, mean))
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while (then := loss(weights - size * step)) > now and size > 1e-4:
            size /= 2
        if now - then < 1e-7 * abs(now):
            break
        weights, now = weights - size * step, then
    return weights


def fit_probability(
    features: Floats, right: Flags, weight: Floats, *, strength: float = 1.0, steps: int = _STEPS
) -> Floats:
    """Weights and, last, the bias of a logistic model, `(d + 1,)`; `strength` holds the weights back in units of their
    features' spread, never the bias."""
    table = np.column_stack([features, np.ones(len(features))])
    hold = np.append(strength * features.var(axis=0), 1e-9)
    weights = np.zeros(table.shape[1])
    for _ in range(steps):
        sure = 1.0 / (1.0 + np.exp(-(table @ weights).clip(-30, 30)))
        slope = table.T @ (weight * (sure - right)) + hold * weights
        bend = (table * (weight * sure * (1 - sure))[:, None]).T @ table + np.diag(hold) + 1e-9 * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        weights = weights - step * min(1.0, 5.0 / (np.abs(step).max() + 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return weights


def probability(features: Floats, weights: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-(features @ weights[:-1] + weights[-1]).clip(-30, 30))))


def folds(groups: Sequence[tuple[str, int]], count: int = 10) -> Iterator[tuple[list[int], list[int]]]:
    """Places to fit on and places to judge, with no group in both: groups are dealt out in order, set by set."""
    number: dict[tuple[str, int], int] = {}
    for name in sorted({name for name, _ in groups}):
        for place, group in enumerate(sorted({group for group in groups if group[0] == name})):
            number[group] = place % count
    for fold in range(count):
        judged = [place for place, group in enumerate(groups) if number[group] == fold]
        if judged:
            yield [place for place, group in enumerate(groups) if number[group] != fold], judged


def _softmax(scores: Floats) -> Floats:
    mass = np.exp(scores - scores.max())
    return np.asarray(mass / mass.sum())


def _log_sum(scores: Floats) -> float:
    top = scores.max()
    return float(top + np.log(np.exp(scores - top).sum()))
