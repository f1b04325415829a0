"""The weights of `lumina_core.retrieval.scoring.Weights`, and the rankings they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bench.fit.collect import EVERYTHING, Found
from bench.fit.models import Choice, Floats, fit_ranking, folds, negative_log_likelihood

from lumina_core.evaluation.measures import retrieval_measures
from lumina_core.retrieval.hits import Hit
from lumina_core.retrieval.scoring import Weights

__all__ = ["SIGNALS", "compare_rankings", "ranking_choices"]

SIGNALS = ("dense", "lexical", "sentence", "joint", "title")
"""Fitted. `opening` is set by hand: few questions of the two sets ask what a thing is."""

Row = tuple[str, str, dict[str, float]]


def ranking_choices(name: str, found: Sequence[Found], weight: float = 1.0) -> list[Choice]:
    """One for each answerable case with everything indexed and a right chunk among the candidates."""
    shipped = Weights()
    choices = []
    for one in found:
        if one.round != EVERYTHING or one.case.is_impossible:
            continue
        table = [
            [hit.contributions[signal] / getattr(shipped, signal) for signal in SIGNALS] for hit in one.result.hits
        ]
        right = np.array([hit.chunk_id in one.case.gold for hit in one.result.hits])
        choices.append(Choice(np.array(table), right, (name, one.case.article), weight))
    return choices


def compare_rankings(sets: Sequence[tuple[str, Sequence[Found]]]) -> tuple[list[Row], Floats]:
    """The rows of a table, and the weights fitted on all sets, each counting the same."""
    rows: list[Row] = []
    pooled: list[Choice] = []
    for name, found in sets:
        own = ranking_choices(name, found)
        pooled += ranking_choices(name, found, weight=100.0 / len(own))
        asked = [one for one in found if one.round == EVERYTHING and not one.case.is_impossible]
        for label, signal in (("dense", 0), ("best sentence", 2), ("joint", 3)):
            rows.append((label, name, _measured(own, [choice.features[:, signal] for choice in own], natural=False)))
        rows.append(
            ("recipe (z-scores)", name, _measured(own, [_recipe(one.result.hits) for one in asked], natural=False))
        )
        scores = [np.array([hit.score for hit in one.result.hits]) for one in asked]
        rows.append(("shipped, in sample", name, _measured(own, scores)))
    judged: dict[str, list[tuple[Choice, Floats]]] = {name: [] for name, _ in sets}
    for learned, told in folds([choice.group for choice in pooled]):
        weights = fit_ranking([pooled[place] for place in learned], strength=0.001)
        for place in told:
            judged[pooled[place].group[0]].append((pooled[place], pooled[place].features @ weights))
    for name, pairs in judged.items():
        rows.append(
            ("fitted, cross-validated", name, _measured([one for one, _ in pairs], [scores for _, scores in pairs]))
        )
    return rows, fit_ranking(pooled, strength=0.001)


def _recipe(hits: Sequence[Hit]) -> Floats:
    """.37 dense + .20 best sentence + .40 best sentence by half cosine, half lexical share + .02 BM25, as z-scores over
    the candidates; with the chunk's share of term weight for BM25, which a hit does not tell."""
    parts = (
        (0.37, [hit.dense for hit in hits]),
        (0.20, [max(sentence.dense for sentence in hit.sentences) for hit in hits]),
        (0.40, [max(0.5 * sentence.dense + 0.5 * sentence.lexical for sentence in hit.sentences) for hit in hits]),
        (0.02, [hit.coverage for hit in hits]),
    )
    return np.sum([weight * standardised(np.array(values)) for weight, values in parts], axis=0)


def standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() + 1e-9))


def _measured(choices: Sequence[Choice], scores: Sequence[Floats], *, natural: bool = True) -> dict[str, float]:
    """Natural scores are log-odds, which have a likelihood."""
    ranks = [
        1 + int((row > row[choice.right].max()).sum()) if choice.right.any() else None
        for choice, row in zip(choices, scores, strict=True)
    ]
    measured = retrieval_measures(ranks)
    if natural:
        measured["nll"] = float(
            np.mean(
                [
                    negative_log_likelihood(row, choice.right)
                    for choice, row in zip(choices, scores, strict=True)
                    if choice.right.any()
                ]
            )
        )
    return measured
