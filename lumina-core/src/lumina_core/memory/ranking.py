"""Ranking past turns for a question: pure computation, the same in recall and in its evaluation.

A turn of a conversation is short and leans on its neighbours: the question before it says what the answer is about. So
each signal looks at a turn together with those next to it in its session:

- `lexical`: BM25 over the turn and, at less weight, the turns within two of it, as one document. A question whose words
  are spread over an exchange finds the exchange. It counts as much as the largest share of the question's term weight
  that is found at one place: where nothing holds more than a word of the question, the vectors decide.
- `dense`: the best cosine of the question to the turn or to one of its sentences.
- `context`: the turn's cosine plus its neighbours', at less weight.
- `length`: the logarithm of the turn's terms: "Oh, really?" answers nothing.

All are turned into z-scores over the turns at hand and added. What was tried, with numbers: `docs/memory.md`.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lumina_core.text.analysis import term_id, terms

__all__ = ["Ranked", "RankingSettings", "Remembered", "TurnRanker", "term_ids", "utterance_text"]

Scores = NDArray[np.float64]
TermIds = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Remembered:
    """One turn to be ranked. `speaker` is "" where a turn is a question with its answer.

    `terms` is `term_ids` of its text. `place` counts the turns of its session from 0: with it, neighbours are known
    even where turns between them are not at hand. Without it, turns at hand are taken to follow each other.
    """

    id: str
    session: str
    ts: float
    speaker: str
    terms: TermIds
    place: int | None = None


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """Weights of the signals, and of neighbours, the nearest first. All lie on a plateau: none is critical."""

    lexical: float = 1.0
    dense: float = 0.7
    context: float = 0.7
    length: float = 0.2
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
    """What of an utterance, or of a sentence of one, is embedded: questions name who spoke, so that belongs to it."""
    return f"{speaker}: {text}" if speaker else text


def term_ids(text: str) -> TermIds:
    """The terms of a text as the ranking counts them, in order."""
    return np.array([term_id(term) for term in terms(text)], dtype=np.uint32)


class TurnRanker:
    """Turns made ready for many questions. The order turns are given in does not matter; sessions are ordered by place
    or else by time, ties as given."""

    def __init__(self, turns: Sequence[Remembered], settings: RankingSettings | None = None) -> None:
        self._settings = settings or RankingSettings()
        has_places = all(turn.place is not None for turn in turns)
        places = [turn.place or 0 if has_places else 0 for turn in turns]
        order = sorted(range(len(turns)), key=lambda at: (turns[at].session, places[at], turns[at].ts, at))
        self._turns = [turns[at] for at in order]
        self._given = np.array(order, dtype=np.int64)
        where = np.array([places[at] for at in order]) if has_places else np.arange(len(order))
        sessions = np.unique(np.array([turn.session for turn in self._turns], dtype=str), return_inverse=True)[1]
        self._pairs = _pairs(sessions, where, reach=_reach(self._settings))
        self._names = {term_id(term) for speaker in {turn.speaker for turn in turns} for term in terms(speaker)}
        self._terms = np.concatenate([turn.terms for turn in self._turns]) if turns else np.zeros(0, np.uint32)
        self._holder = np.repeat(np.arange(len(order)), [len(turn.terms) for turn in self._turns])
        self._norm = self._length_norm()
        self._length = _z(np.log1p(np.bincount(self._holder, minlength=len(order))))

    def rank(
        self,
        question: str,
        turn_cosines: NDArray[np.floating],
        sentence_cosines: NDArray[np.floating],
        *,
        limit: int | None = None,
    ) -> list[Ranked]:
        """Order the turns for a question.

        Args:
            question: Standing alone.
            turn_cosines: Of the question's vector to each turn's, `(n,)`, in the order the turns were given in.
            sentence_cosines: The best of each turn's sentences, likewise.
            limit: How many to return, all where None.

        Returns:
            By falling score, ties in the order the turns were given in.
        """
        if not self._turns:
            return []
        settings = self._settings
        own = turn_cosines[self._given].astype(np.float64)
        sentences = sentence_cosines[self._given].astype(np.float64)
        lexical, matched = self._lexical(question)
        context = self._with_neighbours(_z(own), settings.dense_before, settings.dense_after)
        signals = {
            "lexical": settings.lexical * matched.max() * _z(lexical),
            "dense": settings.dense * _z(sentences),
            "context": settings.context * _z(context),
            "length": settings.length * self._length,
        }
        dates = self._dates(question)
        if dates is not None:
            signals["date"] = settings.date * dates
        total = np.sum(list(signals.values()), axis=0)
        best = np.lexsort((self._given, -total))[:limit]
        cosines = np.maximum(own, sentences)
        return [
            Ranked(
                self._turns[at].id,
                float(total[at]),
                float(cosines[at]),
                float(matched[at]),
                {name: float(values[at]) for name, values in signals.items()},
            )
            for at in best
        ]

    def _with_neighbours(self, values: Scores, before: Sequence[float], after: Sequence[float]) -> Scores:
        """Add to each turn, along the last axis, what the turns next to it lend."""
        total = values.astype(np.float64)
        for step, (earlier, later) in enumerate(self._pairs):
            if step < len(before):
                total[..., later] += before[step] * values[..., earlier]
            if step < len(after):
                total[..., earlier] += after[step] * values[..., later]
        return total

    def _length_norm(self) -> Scores:
        """What BM25 divides by: the terms of a turn with its neighbours', names aside."""
        settings = self._settings
        holder = self._holder
        if self._names:
            holder = holder[~np.isin(self._terms, np.array(sorted(self._names), dtype=np.uint32))]
        lengths = np.bincount(holder, minlength=len(self._turns)).astype(np.float64)
        wide = self._with_neighbours(lengths, settings.lexical_before, settings.lexical_after)
        mean = float(wide.mean()) if len(wide) else 0.0
        return settings.k1 * (1.0 - settings.b + settings.b * wide / (mean or 1.0))

    def _lexical(self, question: str) -> tuple[Scores, Scores]:
        """BM25 with the neighbours' terms at their weights, and the share of the question's IDF weight found."""
        settings = self._settings
        n = len(self._turns)
        asked = np.array(sorted({term_id(term) for term in terms(question)} - self._names), dtype=np.uint32)
        if not len(asked):
            return np.zeros(n), np.zeros(n)
        column = np.minimum(np.searchsorted(asked, self._terms), len(asked) - 1)
        is_asked = asked[column] == self._terms
        cells = column[is_asked] * n + self._holder[is_asked]
        own = np.bincount(cells, minlength=len(asked) * n).reshape(len(asked), n).astype(np.float64)
        holding = np.count_nonzero(own, axis=1)
        idf = np.log1p((n - holding + 0.5) / (holding + 0.5))
        frequency = self._with_neighbours(own, settings.lexical_before, settings.lexical_after)
        score = idf @ (frequency * (settings.k1 + 1.0) / (frequency + self._norm))
        return score, (idf @ (frequency > 0)) / idf.sum()

    def _dates(self, question: str) -> Scores | None:
        """How well each turn's day fits the dates the question names, 0 to 1; None where it names none."""
        asked = _dates_in(question)
        if not asked:
            return None
        return np.array([max(date.fit(day) for date in asked) for day in self._days])

    @cached_property
    def _days(self) -> list[datetime]:
        return [datetime.fromtimestamp(turn.ts, UTC) for turn in self._turns]


def _reach(settings: RankingSettings) -> int:
    weights = (settings.lexical_before, settings.lexical_after, settings.dense_before, settings.dense_after)
    return max(len(each) for each in weights)


def _pairs(
    sessions: NDArray[np.intp], places: NDArray[np.intp], *, reach: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """For every distance from 1 to `reach`: the (earlier, later) turns of one session that are so far apart.

    Turns come by session and place, so turns that far apart have no more than that many between them.
    """
    pairs = []
    for step in range(1, reach + 1):
        found = []
        for rows in range(1, step + 1):
            (first,) = np.nonzero((sessions[rows:] == sessions[:-rows]) & (places[rows:] - places[:-rows] == step))
            found.append((first, first + rows))
        earlier, later = np.concatenate(found, axis=1)
        pairs.append((earlier, later))
    return pairs


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
    spread = float(values.std()) if len(values) else 0.0
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)
