"""Where in a sentence stands what a question asks for: numbers, dates and names that it does not say itself."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from lumina_core.answers.question import AnswerType, asks_money, asks_percentage
from lumina_core.text.analysis import STOPWORDS, terms

__all__ = ["Span", "answer_spans", "counts", "new_names"]

_MONTH = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
)
_DATE = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?)?{_MONTH}\b\.?(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b)?(?:,?\s+\d{{4}}\b)?"
    r"|\b(?:1\d{3}|20\d{2})(?:s\b|\b)|\b\d0s\b|\b\d{1,4}(?:st|nd|rd|th)?[ -](?:century|BCE?|AD|CE)\b"
    r"|\b(?:century|BCE?|AD|CE)\b"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b"
)
_FULL_DATE = re.compile(rf"\d.*{_MONTH}|{_MONTH}.*\d")
_NUMBER = re.compile(
    r"(?P<money>(?:US|A|C)?[$£€]\s?)?(?P<digits>\d+(?:[.,]\d+)*)(?P<percent>\s?%|\s(?:per\s?cent|percent)\b)?"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|dozens?|hundreds?|thousands?|millions?|"
    r"billions?|half|one|third|thirds|quarters?|once|twice)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[0-9]|20)\d\d$")
_WORD = re.compile(r"[^\W_][\w'’.-]*[\w]|[^\W_]")
_JOINS = frozenset("of the de von van der den la le du di da al el bin ibn y and".split())
_CALENDAR = frozenset(
    name.lower() for names in (calendar.month_name, calendar.month_abbr, calendar.day_name) for name in names
)
_COUNTED_WITHIN = 4
_LOCATES = frozenset("in at near from to of around outside inside across on".split())


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, in code points of the sentence. `strong` marks the form that such questions most ask for: a number
    with its unit, a whole date, a name of several words."""

    start: int
    end: int
    strong: bool


def answer_spans(kind: AnswerType, question: str, sentence: str) -> list[Span]:
    """What of that kind stands in the sentence and not in the question, in order."""
    finder = _FINDERS.get(kind)
    return [] if finder is None else list(finder(question, sentence))


def counts(sentence: str, span: Span, things: frozenset[str]) -> bool:
    """Whether the number at `span` is one of these things (terms): whether one of them is named within four words."""
    return not things.isdisjoint(terms(" ".join(sentence[span.end :].split(None, _COUNTED_WITHIN)[:_COUNTED_WITHIN])))


def new_names(question: str, sentence: str) -> int:
    """How many capitalised words the sentence has, its first word aside, that the question has not."""
    return len(
        {
            sentence[start:end].lower()
            for start, end in _capitalised(sentence, _asked(question))
            if start > 0 and end - start > 1
        }
    )


def _numbers(question: str, sentence: str) -> Iterator[Span]:
    asked = {found.group().lower() for found in _NUMBER.finditer(question)}
    money, percentage = asks_money(question), asks_percentage(question)
    for found in _NUMBER.finditer(sentence):
        said = found.group().lower()
        if said in asked or found["digits"] in asked:
            continue
        if money or percentage:
            strong = bool(money and found["money"]) or bool(percentage and found["percent"])
        else:
            is_year = found["digits"] is not None and _YEAR.match(found["digits"]) is not None and not found["money"]
            strong = not is_year and said != "one"
        yield Span(found.start(), found.end(), strong)


def _dates(question: str, sentence: str) -> Iterator[Span]:
    asked = {found.group().lower() for found in _DATE.finditer(question)}
    for found in _DATE.finditer(sentence):
        if found.group().lower() not in asked:
            yield Span(found.start(), found.end(), _FULL_DATE.search(found.group()) is not None)


def _names(question: str, sentence: str) -> Iterator[Span]:
    """Runs of capitalised words; small words such as "of" may stand inside one."""
    run: tuple[int, int, int] | None = None
    for start, end in _capitalised(sentence, _asked(question)):
        if run is not None and _joined(sentence[run[1] : start]):
            run = (run[0], end, run[2] + 1)
            continue
        if run is not None:
            yield from _name(sentence, run)
        run = (start, end, 1)
    if run is not None:
        yield from _name(sentence, run)


def _name(sentence: str, run: tuple[int, int, int]) -> Iterator[Span]:
    start, end, count = run
    if count > 1 or start > 0:  # a single word at the start is capitalised whatever it is
        yield Span(start, end, count > 1)


def _places(question: str, sentence: str) -> Iterator[Span]:
    for span in _names(question, sentence):
        before = sentence[: span.start].rsplit(None, 2)[-2:]
        yield Span(span.start, span.end, any(word.lower() in _LOCATES for word in before))


_FINDERS: dict[AnswerType, Callable[[str, str], Iterator[Span]]] = {
    AnswerType.NUMBER: _numbers,
    AnswerType.DATE: _dates,
    AnswerType.PERSON: _names,
    AnswerType.PLACE: _places,
}


@lru_cache(maxsize=64)
def _asked(question: str) -> frozenset[str]:
    """The words of a question, which is the same for many sentences."""
    return frozenset(_bare(word) for word in _WORD.findall(question))


def _bare(word: str) -> str:
    return word.lower().removesuffix("'s").removesuffix("’s").removesuffix(".")


def _capitalised(sentence: str, asked: frozenset[str]) -> Iterator[tuple[int, int]]:
    for found in _WORD.finditer(sentence):
        word = found.group()
        if not word[0].isupper() or _bare(word) in asked:
            continue
        if (lower := word.lower()) in STOPWORDS or lower in _CALENDAR:
            continue
        yield found.start(), found.end()


def _joined(between: str) -> bool:
    return all(word in _JOINS for word in between.split()) and len(between) <= 8 and "," not in between
