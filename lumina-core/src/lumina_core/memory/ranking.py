"""Ranking past turns for a question: pure computation, the same in recall and in its evaluation.

A turn of a conversation is short and leans on its neighbours: the question before it says what the answer is about. So
each signal looks at a turn together with those next to it in its session:

- `lexical`: BM25 over the turn and, at less weight, the turns within two of it, as one document. A question whose words
  are spread over an exchange finds the exchange.
- `dense`: the best cosine of the question to the turn or to one of its sentences.
- `context`: the turn's cosine plus its neighbours', at less weight.

All three are turned into z-scores over the turns at hand and added. What was tried, with numbers: docs, chat memory.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.embedder import Vectors
from lumina_core.text.analysis import terms

__all__ = ["Ranked", "RankingSettings", "Remembered", "TurnRanker", "turn_sentence_text", "utterance_text"]

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Remembered:
    """One turn to be ranked. `speaker` is "" where a turn is a question with its answer.

    `sentences` is `(n, dim)`, the vectors of the turn's sentences; without them the turn's own vector stands in.
    """

    id: str
    session: str
    ts: float
    speaker: str
    text: str
    vector: NDArray[np.float32]
    sentences: Vectors | None = None


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """Weights of the signals, and of neighbours, the nearest first. All lie on a plateau: none is critical."""

    lexical: float = 1.0
    dense: float = 0.7
    context: float = 0.7
    date: float = 1.0
    lexical_before: tuple[float, ...] = (0.6, 0.5)
    lexical_after: tuple[float, ...] = (0.2, 0.15)
    dense_before: tuple[float, ...] = (0.7, 0.5)
    dense_after: tuple[float, ...] = (0.25, 0.1)
    k1: float = 1.2
    b: float = 0.4


@dataclass(frozen=True, slots=True)
class Ranked:
    """A turn with its score. `contributions` has one entry a signal; they sum to `score`. `cosine` is the turn's best
    cosine to the question, `matched` the share of the question's IDF weight found in the turn or next to it."""

    id: str
    score: float
    cosine: float
    matched: float
    contributions: Mapping[str, float] = field(default_factory=dict)


def utterance_text(speaker: str, text: str) -> str:
    """What of an utterance is embedded: who speaks belongs to it, since questions name the speaker."""
    return f"{speaker}: {text}" if speaker else text


def turn_sentence_text(speaker: str, sentence: str) -> str:
    """What of one sentence of an utterance is embedded."""
    return utterance_text(speaker, sentence)


class TurnRanker:
    """Turns made ready for many questions. The order turns are given in does not matter; sessions are ordered by time,
    ties as given."""

    def __init__(self, turns: Sequence[Remembered], settings: RankingSettings | None = None) -> None:
        self._settings = settings or RankingSettings()
        order = sorted(range(len(turns)), key=lambda index: (turns[index].session, turns[index].ts, index))
        self._turns = [turns[index] for index in order]
        self._given = np.array(order, dtype=np.int64)
        self._same_session = [
            np.array(
                [a.session == b.session for a, b in zip(self._turns, self._turns[step:], strict=False)], dtype=bool
            )
            for step in range(1, 1 + self._reach())
        ]
        self._vectors = np.array([turn.vector for turn in self._turns], dtype=np.float32)
        rows = [turn.vector[None, :] if turn.sentences is None else turn.sentences for turn in self._turns]
        self._sentences = np.concatenate(rows) if rows else np.zeros((0, 0), dtype=np.float32)
        self._first_sentence = np.cumsum([0, *(len(row) for row in rows)])[:-1]
        self._names = {term for turn in self._turns for term in terms(turn.speaker)}
        self._count_terms()

    def rank(self, question: str, vector: NDArray[np.float32], *, limit: int | None = None) -> list[Ranked]:
        """Order the turns for a question.

        Args:
            question: Standing alone.
            vector: Its embedding, `(dim,)`, unit length, by the embedder the turns' vectors are from.
            limit: How many to return, all where None.

        Returns:
            By falling score, ties in the order the turns were given in.
        """
        if not self._turns:
            return []
        settings = self._settings
        own = self._vectors @ vector
        sentences = np.maximum.reduceat(self._sentences @ vector, self._first_sentence)
        lexical, matched = self._lexical(question)
        context = self._with_neighbours(_z(own), settings.dense_before, settings.dense_after)
        signals = {
            "lexical": settings.lexical * _z(lexical),
            "dense": settings.dense * _z(sentences),
            "context": settings.context * _z(context),
        }
        dates = self._dates(question)
        if dates is not None:
            signals["date"] = settings.date * dates
        total = np.sum(list(signals.values()), axis=0)
        best = np.lexsort((self._given, -total))[:limit]
        cosines = np.maximum(own, sentences)
        return [
            Ranked(
                self._turns[index].id,
                float(total[index]),
                float(cosines[index]),
                float(matched[index]),
                {name: float(values[index]) for name, values in signals.items()},
            )
            for index in best
        ]

    def _reach(self) -> int:
        s = self._settings
        return max(len(s.lexical_before), len(s.lexical_after), len(s.dense_before), len(s.dense_after))

    def _neighbours(
        self, before: Sequence[float], after: Sequence[float]
    ) -> list[tuple[slice, slice, NDArray[np.bool_], float]]:
        """(the turns that receive, the turns that give, which pairs share a session, weight), for every distance."""
        n = len(self._turns)
        pairs = []
        for step, weight in enumerate(before, 1):
            if step < n:
                pairs.append((slice(step, n), slice(0, n - step), self._same_session[step - 1], weight))
        for step, weight in enumerate(after, 1):
            if step < n:
                pairs.append((slice(0, n - step), slice(step, n), self._same_session[step - 1], weight))
        return pairs

    def _with_neighbours(self, values: Scores, before: Sequence[float], after: Sequence[float]) -> Scores:
        total = values.astype(np.float64)
        for to, source, same, weight in self._neighbours(before, after):
            total[to] += weight * np.where(same, values[source], 0.0)
        return total

    def _count_terms(self) -> None:
        """Terms of each turn, and the lengths BM25 divides by: of the turns with their neighbours, names aside."""
        self._counts = [_term_counts(turn.text) for turn in self._turns]
        n = len(self._turns)
        lengths = np.array(
            [counts.total() - sum(counts[name] for name in self._names) for counts in self._counts], dtype=np.float64
        )
        settings = self._settings
        wide = self._with_neighbours(lengths, settings.lexical_before, settings.lexical_after)
        mean = float(wide.mean()) if n else 0.0
        self._norm = settings.k1 * (1.0 - settings.b + settings.b * wide / (mean or 1.0))

    def _lexical(self, question: str) -> tuple[Scores, Scores]:
        """BM25 with the neighbours' terms at their weights, and the share of the question's IDF weight found."""
        settings = self._settings
        n = len(self._turns)
        score, matched, total = np.zeros(n), np.zeros(n), 0.0
        for term in sorted({term for term in terms(question) if term not in self._names}):
            own = np.array([counts[term] for counts in self._counts], dtype=np.float64)
            holding = int(np.count_nonzero(own))
            idf = float(np.log1p((n - holding + 0.5) / (holding + 0.5)))
            total += idf
            if not holding:
                continue
            frequency = self._with_neighbours(own, settings.lexical_before, settings.lexical_after)
            score += idf * frequency * (settings.k1 + 1.0) / (frequency + self._norm)
            matched += idf * (frequency > 0)
        return score, matched / total if total else matched

    def _dates(self, question: str) -> Scores | None:
        """How well each turn's day fits the dates the question names, 0 to 1; None where it names none."""
        asked = _dates_in(question)
        if not asked:
            return None
        days = [datetime.fromtimestamp(turn.ts, UTC) for turn in self._turns]
        return np.array([max(date.fit(day) for date in asked) for day in days])


@lru_cache(maxsize=4096)
def _term_counts(text: str) -> Counter[str]:
    """Kept between questions: the same past is ranked again and again. Not to be changed."""
    return Counter(terms(text))


@dataclass(frozen=True, slots=True)
class _AskedDate:
    year: int | None
    month: int | None
    day: int | None

    def fit(self, when: datetime) -> float:
        """1 where all named parts agree; people speak of a month in the next one, too, which is half as good."""
        if self.month is None:
            return 1.0 if when.year == self.year else 0.0
        months = (when.year * 12 + when.month) - ((self.year or when.year) * 12 + self.month)
        if self.year is None and months <= -11:
            months += 12
        if months not in (0, 1):
            return 0.0
        if self.day is None:
            return 1.0 if months == 0 else 0.5
        gap = when.day - self.day + (months * 30)
        return 1.0 if gap == 0 else 0.5 if 0 < gap <= 14 else 0.25 if months == 0 else 0.0


_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTH = "|".join(name.capitalize() for name in _MONTHS)
_DATE = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?P<month>{_MONTH})\b"
    r"(?:\s+(?P<after>\d{1,2})(?:st|nd|rd|th)?(?!\d))?(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d{2}))?|\b(?P<only>(?:19|20)\d{2})\b"
)


def _dates_in(question: str) -> list[_AskedDate]:
    found = []
    for match in _DATE.finditer(question):
        if match["only"]:
            found.append(_AskedDate(int(match["only"]), None, None))
        else:
            day = match["day"] or match["after"]
            year = int(match["year"]) if match["year"] else None
            found.append(_AskedDate(year, _MONTHS[match["month"].lower()], int(day) if day else None))
    return found


def _z(values: Scores | NDArray[np.float32]) -> Scores:
    values = values.astype(np.float64)
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)
