"""How well past turns are found again: `lumina eval memory FILE`.

The file holds one dialogue a line: `{"turns": [{"id", "session", "ts", "speaker", "text"}], "questions": [{"question",
"evidence": [turn ids]}]}`. Each dialogue is remembered for itself, and ranked by the code that recalls turns in chats,
out of the same signals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from lumina_core.drivers.embedder import Embedder, Vectors
from lumina_core.errors import InvalidInput
from lumina_core.memory.ranking import RankingSettings, Remembered, TurnRanker, term_ids, utterance_text
from lumina_core.memory.recall import matched_sentences

__all__ = ["MemoryReport", "evaluate_memory"]

_DEPTHS: Final = (5, 10, 20)


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """recall@k: for each question, the share of its distinct evidence turns among the k turns ranked first; averaged
    over questions, each counting the same.

    `n` counts the questions that were asked, `left_out` those without evidence, which are not.
    """

    recall5: float
    recall10: float
    recall20: float
    n: int
    left_out: int
    dialogues: int
    turns: int

    def as_dict(self) -> dict[str, float | int]:
        """What `--json` prints."""
        return {
            "recall5": round(self.recall5, 4),
            "recall10": round(self.recall10, 4),
            "recall20": round(self.recall20, 4),
            "n": self.n,
            "left_out": self.left_out,
            "dialogues": self.dialogues,
            "turns": self.turns,
        }


@dataclass(frozen=True, slots=True)
class _Turn:
    id: str
    session: str
    ts: float
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class _Question:
    question: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Dialogue:
    turns: tuple[_Turn, ...]
    questions: tuple[_Question, ...]


def evaluate_memory(
    file: Path,
    embedder: Embedder,
    *,
    settings: RankingSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MemoryReport:
    """Measure recall@5, 10 and 20 over the dialogues of a JSONL file.

    Args:
        file: UTF-8; empty lines are passed over. All of it is checked before anything is embedded.
        embedder: What the index would use.
        settings: Of the ranking; what chats use where None.
        progress: Called after each dialogue with how many are done, and of how many.

    Raises:
        InvalidInput: The file is missing or empty, or a line is malformed (the message names line and field), or no
            question has evidence.
        EmbedderDown: The embedder does not answer.
    """
    dialogues = list(_read(file))
    if not dialogues:
        raise InvalidInput(f"{file} holds no dialogue", hint="Give a JSONL file with one dialogue a line.")
    shares: list[tuple[float, ...]] = []
    left_out = 0
    for done, dialogue in enumerate(dialogues, 1):
        asked = [question for question in dialogue.questions if question.evidence]
        left_out += len(dialogue.questions) - len(asked)
        shares += _shares(dialogue, asked, embedder, settings)
        if progress is not None:
            progress(done, len(dialogues))
    if not shares:
        raise InvalidInput(f"no question of {file} has evidence", hint="List turn ids under `evidence`.")
    means = [math.fsum(column) / len(shares) for column in zip(*shares, strict=True)]
    turns = sum(len(dialogue.turns) for dialogue in dialogues)
    return MemoryReport(means[0], means[1], means[2], len(shares), left_out, len(dialogues), turns)


def _shares(
    dialogue: _Dialogue, asked: Sequence[_Question], embedder: Embedder, settings: RankingSettings | None
) -> Iterator[tuple[float, ...]]:
    if not asked:
        return
    ranker = TurnRanker(
        [Remembered(turn.id, turn.session, turn.ts, turn.speaker, term_ids(turn.text)) for turn in dialogue.turns],
        settings,
    )
    of_turns, of_sentences = _cosines(dialogue.turns, [question.question for question in asked], embedder)
    for row, question in enumerate(asked):
        hits = ranker.rank(question.question, of_turns[row], of_sentences[row], limit=_DEPTHS[-1])
        ranked = [hit.id for hit in hits]
        evidence = set(question.evidence)
        yield tuple(len(evidence.intersection(ranked[:depth])) / len(evidence) for depth in _DEPTHS)


def _cosines(turns: Sequence[_Turn], questions: Sequence[str], embedder: Embedder) -> tuple[Vectors, Vectors]:
    """`(questions, turns)` each: the cosine to the turn, and the best one to a sentence of it. One call embeds all."""
    rows: dict[str, int] = {}

    def row(text: str) -> int:
        return rows.setdefault(text, len(rows))

    whole = [row(utterance_text(turn.speaker, turn.text)) for turn in turns]
    parts: list[int] = []
    first: list[int] = []
    for turn, own in zip(turns, whole, strict=True):
        first.append(len(parts))
        sentences = [row(utterance_text(turn.speaker, sentence)) for sentence in matched_sentences(turn.text)]
        parts += sentences or [own]
    asked = [row(question) for question in questions]
    vectors = embedder.embed(list(rows))
    cosines = vectors[asked] @ vectors.T
    return cosines[:, whole], np.maximum.reduceat(cosines[:, parts], first, axis=1)


def _read(file: Path) -> Iterator[_Dialogue]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _dialogue(line, f"{file}, line {number}")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}", hint="Check the path.") from error


def _dialogue(line: bytes, where: str) -> _Dialogue:
    hint = 'A line is {"turns": [{"id","session","ts","speaker","text"}], "questions": [{"question","evidence"}]}.'
    try:
        raw: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{where}: not JSON: {error}", hint=hint) from error
    try:
        dialogue = msgspec.convert(raw, _Dialogue)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{where}: {error}", hint=hint) from error
    ids: set[str] = set()
    for position, turn in enumerate(dialogue.turns):
        if turn.id in ids:
            raise InvalidInput(f"{where}: turns[{position}].id: {turn.id!r} stands there twice", hint="Ids are unique.")
        ids.add(turn.id)
    for position, question in enumerate(dialogue.questions):
        if not question.question.strip():
            raise InvalidInput(f"{where}: questions[{position}].question is empty", hint="Write the question.")
        for turn_id in question.evidence:
            if turn_id not in ids:
                raise InvalidInput(
                    f"{where}: questions[{position}].evidence: there is no turn {turn_id!r}",
                    hint="Evidence lists ids of this dialogue's turns.",
                )
    return dialogue
