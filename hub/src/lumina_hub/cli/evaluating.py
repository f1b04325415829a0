"""`lumina eval`: measurements in a throw-away index, with or without a running hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.logs import log_to_stderr
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, note, print_json
from lumina_hub.cli.progress import progress

if TYPE_CHECKING:
    from lumina_core.drivers.embedder import Embedder

__all__ = ["memory", "retrieval"]

_MEANINGS = {
    "r1": "right paragraph first",
    "r5": "among the first five",
    "r10": "among the first ten",
    "mrr": "mean reciprocal rank",
    "hit_first": "gold answer in the answer's first sentence",
    "hit_answer": "gold answer in the whole answer",
    "auroc_impossible": "tells impossible questions apart",
    "auroc_held_out": "tells questions on held-out articles apart",
    "ece": "calibration error of confidence",
    "ece_answerable": "the same, answerable questions with everything indexed",
    "ece_all": "the same, and the unanswerable ones with them",
    "p50_ms": "half of the answers take less, ms",
    "p95_ms": "19 of 20 answers take less, ms",
    "recall5": "evidence among the first five turns",
    "recall10": "evidence among the first ten turns",
    "recall20": "evidence among the first twenty turns",
    "n": "questions",
}


def retrieval(said: Globals, squad: Path, *, limit: int | None, seed: int, plot: Path | None) -> None:
    _must_be_there(squad)
    if plot is not None and not plot.absolute().parent.is_dir():
        raise Failure(
            f"There is no folder {str(plot.parent)!r}.", hint="Make it, or give another --plot.", status=MISUSED
        )
    from lumina_core.evaluation.retrieval import evaluate_squad

    with _embedder(said) as embedder, progress("Measuring") as shown:
        report = evaluate_squad(
            squad,
            embedder=embedder,
            limit=limit,
            seed=seed,
            plot=plot,
            progress=lambda done, total: shown.move(done, total),
        )
    _show(said, report.as_dict())
    if plot is not None:
        note(f"Drew {plot}.")


def memory(said: Globals, dialogues: Path) -> None:
    _must_be_there(dialogues)
    from lumina_core.evaluation.memory import evaluate_memory

    with _embedder(said) as embedder, progress("Measuring") as shown:
        report = evaluate_memory(dialogues, embedder, progress=lambda done, total: shown.move(done, total))
    _show(said, report.as_dict())


@contextmanager
def _embedder(said: Globals) -> Iterator[Embedder]:
    """The one a hub of this home would use."""
    from lumina_core.drivers.embedders.loading import load_embedder
    from lumina_hub.foundations import embedder_options

    settings = said.settings()
    log_to_stderr()
    with closing(load_embedder(settings.embedder, **embedder_options(settings))) as embedder:
        yield embedder


def _must_be_there(path: Path) -> None:
    if not path.is_file():
        raise Failure(f"There is no file {str(path)!r}.", hint="Check the path.", status=MISUSED)


def _show(said: Globals, report: dict[str, Any]) -> None:
    if said.json:
        print_json(report)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, value in report.items():
        shown = "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
        table.add_row(name, shown, _MEANINGS.get(name, ""))
    data().print(table)
