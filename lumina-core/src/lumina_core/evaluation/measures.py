"""What is measured, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["auroc", "expected_calibration_error", "holds_answer", "reliability", "retrieval_measures"]


def retrieval_measures(ranks: Sequence[int | None]) -> dict[str, float]:
    """R@1, R@5, R@10 and mean reciprocal rank, from the rank of what was sought (from 1; None: not among the hits)."""
    found = np.array([rank or np.inf for rank in ranks], dtype=np.float64)
    return {
        "r1": float((found <= 1).mean()),
        "r5": float((found <= 5).mean()),
        "r10": float((found <= 10).mean()),
        "mrr": float((1.0 / found).mean()),
    }


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The chance that a positive scores above a negative, ties counting half; None where either kind is missing."""
    if not positive or not negative:
        return None
    scores = np.concatenate([np.asarray(positive, dtype=np.float64), np.asarray(negative, dtype=np.float64)])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    upper = np.cumsum(counts)
    ranks = (upper - (counts - 1) / 2.0)[inverse]
    n_positive, n_negative = len(positive), len(negative)
    return float((ranks[:n_positive].sum() - n_positive * (n_positive + 1) / 2.0) / (n_positive * n_negative))


def reliability(
    confidences: Sequence[float], right: Sequence[bool], *, bins: int = 10
) -> list[tuple[int, float, float]]:
    """Equal-width bins that hold anything: how many answers, their mean confidence, the share of them that is right."""
    sure: NDArray[np.float64] = np.asarray(confidences, dtype=np.float64)
    good: NDArray[np.float64] = np.asarray(right, dtype=np.float64)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return [
        (int((place == number).sum()), float(sure[place == number].mean()), float(good[place == number].mean()))
        for number in range(bins)
        if (place == number).any()
    ]


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy over equal-width bins, weighted by their size.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    total = len(confidences)
    return sum(count * abs(sure - good) for count, sure, good in reliability(confidences, right, bins=bins)) / total


def holds_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the gold answers stands in a text: letter for letter, but for case and white space."""
    folded = " ".join(text.split()).casefold()
    return any(" ".join(answer.split()).casefold() in folded for answer in answers)
