"""The reliability diagram: what we said we were sure of, against how often we were right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lumina_core.errors import InvalidInput
from lumina_core.evaluation.measures import expected_calibration_error, reliability

__all__ = ["draw_reliability"]


def draw_reliability(confidences: Sequence[float], right: Sequence[bool], path: Path) -> None:
    """Write the diagram as a PNG.

    Raises:
        InvalidInput: matplotlib is not installed; the hint says how to get it.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InvalidInput(
            "drawing needs matplotlib, which is not installed", hint="Run: pip install 'lumina-core[eval]'"
        ) from error
    bins = reliability(confidences, right)
    figure = Figure(figsize=(6, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    curve, bars = figure.subplots(2, 1, height_ratios=[4, 1], sharex=True)
    curve.plot([0, 1], [0, 1], linestyle="--", color="0.6", label="perfectly calibrated")
    curve.plot([sure for _, sure, _ in bins], [good for _, _, good in bins], marker="o", label="Lumina")
    curve.set(ylabel="share of answers that are right", ylim=(0, 1), xlim=(0, 1))
    curve.set_title(f"{len(right)} answers, ECE {expected_calibration_error(confidences, right):.3f}")
    curve.legend(loc="upper left")
    bars.bar([sure for _, sure, _ in bins], [count for count, _, _ in bins], width=0.05, color="0.5")
    bars.set(xlabel="confidence", ylabel="answers")
    figure.savefig(path, format="png", dpi=120)
