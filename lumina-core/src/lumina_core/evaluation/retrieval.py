"""`lumina eval retrieval`: how well questions find their paragraph and get their answer, and how honest we are."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lumina_core.answers.base import Answer, Answerer
from lumina_core.answers.extractive import ExtractiveAnswerer
from lumina_core.drivers.embedder import Embedder
from lumina_core.errors import UnreadableSource
from lumina_core.evaluation.asking import Asked, PassageIndex, Progress, passage_index
from lumina_core.evaluation.measures import auroc, expected_calibration_error, holds_answer, retrieval_measures
from lumina_core.evaluation.reliability_plot import draw_reliability
from lumina_core.evaluation.squad import Question, SquadSet, load_squad

__all__ = ["Judged", "RetrievalReport", "evaluate_squad", "held_out_articles", "judge_all"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, its answer, and whether the gold answer stands in the first sentence, and in any."""

    asked: Asked
    answer: Answer
    in_first: bool
    in_any: bool
    took_s: float


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """The figures of `lumina eval retrieval`.

    `r1 … mrr`, `hit_first`, `hit_answer` and the latencies are over the `n` answerable questions, all of whose
    paragraphs are indexed. `auroc_impossible` sets their confidence against that of the unanswerable questions, None
    without any. `auroc_held_out` comes from a second round with half of the articles removed: confidence of the
    answerable questions about articles that stayed against those about articles that went; None with one article.

    The calibration errors set confidence against whether the answer holds the gold answer. `ece` is over that second
    round, where a question may or may not have its answer in the index, as in life (over the first one where there is
    no second). `ece_answerable` is over the answerable questions of the first round, and `ece_all` adds the
    unanswerable ones, whose share is the file's choice.
    """

    r1: float
    r5: float
    r10: float
    mrr: float
    hit_first: float
    hit_answer: float
    auroc_impossible: float | None
    auroc_held_out: float | None
    ece: float
    ece_answerable: float
    ece_all: float
    p50_ms: float
    p95_ms: float
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)


def evaluate_squad(
    path: Path,
    *,
    embedder: Embedder,
    limit: int | None = None,
    seed: int = 0,
    plot: Path | None = None,
    progress: Progress | None = None,
    answerer: Answerer | None = None,
) -> RetrievalReport:
    """Index the paragraphs of a SQuAD-format file in a throw-away index and ask its questions.

    Args:
        path: The file.
        embedder: What embeds paragraphs and questions; stays open.
        limit: Ask a sample of this many questions, drawn with `seed`; all paragraphs are indexed all the same.
        seed: Also says which half of the articles is held out.
        plot: Where to draw the reliability diagram, a PNG.
        progress: Called with what is done and what there is, in articles and questions.
        answerer: The extractive one unless given.

    Raises:
        UnreadableSource: the file is not of that format, or has no answerable question.
    """
    squad = load_squad(path).sample(limit, seed)
    if all(question.is_impossible for question in squad.questions):
        raise UnreadableSource(
            f"{path.name}: none of the {len(squad.questions)} questions to ask has an answer",
            hint="Give a file with answerable questions, or a larger limit.",
        )
    return asyncio.run(_evaluate(squad, embedder, answerer or ExtractiveAnswerer(), seed, plot, progress))


async def _evaluate(
    squad: SquadSet, embedder: Embedder, answerer: Answerer, seed: int, plot: Path | None, progress: Progress | None
) -> RetrievalReport:
    count = _Count(squad, progress)
    async with passage_index(squad, embedder, count.article) as index:
        judged = await judge_all(index, answerer, squad.questions, count)
        gone = held_out_articles(squad, seed)
        answerable = [question for question in squad.questions if not question.is_impossible]
        second = []
        if gone:
            await index.forget(gone)
            second = await judge_all(index, answerer, answerable, count)
    right = [one for one in judged if not one.asked.question.is_impossible]
    impossible = [one for one in judged if one.asked.question.is_impossible]
    away = [one for one in second if squad.paragraphs[one.asked.question.paragraph].article in gone]
    stayed = [one for one in second if squad.paragraphs[one.asked.question.paragraph].article not in gone]
    asked = _calibration([*stayed, *away] or right, wrong=away)
    if plot is not None:
        draw_reliability(*asked, plot)
    took_ms = [one.took_s * 1000.0 for one in right]
    return RetrievalReport(
        **retrieval_measures([one.asked.rank for one in right]),
        hit_first=float(np.mean([one.in_first for one in right])),
        hit_answer=float(np.mean([one.in_any for one in right])),
        auroc_impossible=auroc(_confidences(right), _confidences(impossible)),
        auroc_held_out=auroc(_confidences(stayed), _confidences(away)),
        ece=expected_calibration_error(*asked),
        ece_answerable=expected_calibration_error(*_calibration(right)),
        ece_all=expected_calibration_error(*_calibration(judged)),
        p50_ms=float(np.percentile(took_ms, 50)),
        p95_ms=float(np.percentile(took_ms, 95)),
        n=len(right),
    )


def _confidences(judged: Sequence[Judged]) -> list[float]:
    return [one.answer.confidence for one in judged]


def _calibration(judged: Sequence[Judged], *, wrong: Sequence[Judged] = ()) -> tuple[list[float], list[bool]]:
    """Confidences, and whether each answer is right. Those of `wrong` are not, whatever words they hold by chance."""
    known_wrong = {id(one) for one in wrong}
    return _confidences(judged), [one.in_any and id(one) not in known_wrong for one in judged]


async def judge_all(
    index: PassageIndex, answerer: Answerer, questions: Sequence[Question], count: _Count | None = None
) -> list[Judged]:
    """Ask one after the other, as a person would: latencies are those of an idle system."""
    judged = []
    for question in questions:
        started = time.perf_counter()
        asked = await index.ask(question)
        answer = answerer.answer(question.text, asked.result)
        took_s = time.perf_counter() - started
        judged.append(
            Judged(
                asked,
                answer,
                in_first=bool(answer.sentences) and holds_answer(answer.sentences[0], question.answers),
                in_any=holds_answer(" ".join(answer.sentences), question.answers),
                took_s=took_s,
            )
        )
        if count is not None:
            count.question()
    return judged


def held_out_articles(squad: SquadSet, seed: int) -> frozenset[int]:
    """Half of the articles, by number; none where there is only one."""
    numbers = sorted({paragraph.article for paragraph in squad.paragraphs})
    return frozenset(random.Random(seed).sample(numbers, len(numbers) // 2))  # noqa: S311  a sample, not a secret


class _Count:
    """Adds up articles indexed and questions asked."""

    def __init__(self, squad: SquadSet, progress: Progress | None) -> None:
        answerable = sum(not question.is_impossible for question in squad.questions)
        self._articles = len({paragraph.article for paragraph in squad.paragraphs})
        self._total = self._articles + len(squad.questions) + (answerable if self._articles > 1 else 0)
        self._done = 0
        self._progress = progress

    def article(self, done: int, _total: int) -> None:
        self._done = done
        self._tell()

    def question(self) -> None:
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total)
