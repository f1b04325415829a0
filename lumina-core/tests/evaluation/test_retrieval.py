from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lumina_core.answers.base import Answer, Outcome
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.errors import UnreadableSource
from lumina_core.evaluation.retrieval import RetrievalReport, evaluate_squad, held_out_articles
from lumina_core.evaluation.squad import Paragraph, SquadSet
from lumina_core.retrieval.hits import SearchResult

SHARED = Path(__file__).parents[4] / "shared" / "data" / "squad2-train-slice.json"
KEYS = {
    *("r1", "r5", "r10", "mrr", "hit_first", "hit_answer", "auroc_impossible", "auroc_held_out", "ece"),
    *("ece_answerable", "ece_all", "p50_ms", "p95_ms", "n"),
}


@dataclass
class Evaluated:
    report: RetrievalReport
    progress: list[tuple[int, int]]
    plot: Path


@pytest.fixture(scope="module")
def evaluated(tiny_squad: Path, embedder: OnnxEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    pytest.importorskip("matplotlib", reason="drawing is an extra: pip install 'lumina-core[eval]'")
    progress: list[tuple[int, int]] = []
    plot = tmp_path_factory.mktemp("plot") / "reliability.png"
    report = evaluate_squad(
        tiny_squad, embedder=embedder, plot=plot, progress=lambda done, total: progress.append((done, total))
    )
    return Evaluated(report, progress, plot)


def test_the_report_has_exactly_the_promised_keys_and_goes_into_json(evaluated: Evaluated) -> None:
    report = evaluated.report.as_dict()

    assert set(report) == KEYS
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_figures_of_a_small_library_are_right(evaluated: Evaluated) -> None:
    report = evaluated.report

    assert report.n == 5
    assert (report.r1, report.r5, report.r10, report.mrr) == (1, 1, 1, 1)
    assert report.hit_first >= 0.8
    assert report.hit_answer >= report.hit_first
    assert report.auroc_impossible is not None
    assert report.auroc_impossible >= 0.8
    assert report.auroc_held_out == 1
    assert 0 <= report.ece <= 1
    assert 0 < report.p50_ms <= report.p95_ms


def test_progress_counts_articles_and_questions_of_both_rounds_to_the_end(evaluated: Evaluated) -> None:
    assert evaluated.progress == [(done, 2 + 7 + 5) for done in range(1, 15)]


def test_the_diagram_is_drawn(evaluated: Evaluated) -> None:
    assert evaluated.plot.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


class Parrot:
    """Answers with the best hit's text and remembers the questions; always half sure."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def answer(self, question: str, result: SearchResult) -> Answer:
        self.questions.append(question)
        return Answer("", Outcome.ANSWERED, 0.5, (result.hits[0].title, result.hits[0].text), (), {})


def test_a_limit_asks_the_same_sample_each_time_and_any_answerer_can_be_measured(
    tiny_squad: Path, embedder: OnnxEmbedder
) -> None:
    first, second = Parrot(), Parrot()

    reports = [evaluate_squad(tiny_squad, embedder=embedder, limit=4, seed=3, answerer=one) for one in (first, second)]

    assert first.questions == second.questions
    assert len(set(first.questions)) == 4
    one, other = (
        {key: value for key, value in report.as_dict().items() if not key.endswith("_ms")} for report in reports
    )
    assert one == other
    assert (reports[0].hit_first, reports[0].hit_answer) == (0.0, 1.0)
    assert reports[0].ece_answerable == pytest.approx(0.5)


def test_one_article_has_nothing_to_hold_out_and_no_impossible_question_nothing_to_tell_apart(
    tiny_squad: Path, write_squad: Callable[[Any], Path], embedder: OnnxEmbedder
) -> None:
    content = json.loads(tiny_squad.read_text())
    watch = content["data"][1]
    watch["paragraphs"][1]["qas"].pop()

    report = evaluate_squad(write_squad({"data": [watch]}), embedder=embedder)

    assert (report.n, report.auroc_held_out, report.auroc_impossible) == (2, None, None)


@pytest.mark.parametrize("limit", [None, 0])
def test_questions_without_any_answer_are_refused_before_anything_is_indexed(
    write_squad: Callable[[Any], Path], embedder: OnnxEmbedder, limit: int | None
) -> None:
    impossible = {"id": "1", "question": "Who?", "answers": [], "is_impossible": True}
    path = write_squad({"data": [{"paragraphs": [{"context": "Nobody.", "qas": [impossible]}]}]})

    def never(done: int, total: int) -> None:
        raise AssertionError

    with pytest.raises(UnreadableSource, match="none of the") as refused:
        evaluate_squad(path, embedder=embedder, limit=limit, progress=never)

    assert refused.value.hint is not None


@pytest.mark.parametrize("articles", [1, 2, 5, 10])
def test_half_of_the_articles_are_held_out_by_the_seed(articles: int) -> None:
    squad = SquadSet(tuple(Paragraph(number, 0, "", "") for number in range(3, 3 + articles)), ())

    gone = held_out_articles(squad, 7)

    assert len(gone) == articles // 2
    assert gone == held_out_articles(squad, 7)
    assert gone <= set(range(3, 3 + articles))


@pytest.mark.shared_data
def test_real_questions_are_answered_as_well_as_was_measured(
    write_squad: Callable[[Any], Path], embedder: OnnxEmbedder
) -> None:
    """Floors, well below what int8 vectors give for these 60 of SQuAD 2.0's training questions, drawn with seed 0.

    Only articles are left out, to be quick: four of the ten, whole, with all their questions.
    """
    if not SHARED.exists():
        pytest.skip("the development data is not beside this checkout")
    articles = json.loads(SHARED.read_text(encoding="utf-8"))["data"]
    some = write_squad({"data": [articles[number] for number in (0, 3, 6, 9)]})

    report = evaluate_squad(some, embedder=embedder, limit=60)

    assert report.r1 >= 0.72
    assert report.r10 >= 0.93
    assert report.hit_first >= 0.62
    assert report.auroc_held_out is not None
    assert report.auroc_held_out >= 0.93
