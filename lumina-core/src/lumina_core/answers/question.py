"""What a question asks for, read off its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from lumina_core.text.analysis import stem, terms, words

__all__ = ["AnswerType", "answer_type", "asks_definition", "asks_money", "asks_percentage", "counted", "defines"]


class AnswerType(StrEnum):
    """The kind of thing that would answer."""

    NUMBER = "number"
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    DEFINITION = "definition"
    OTHER = "other"


_QUESTION_WORD = re.compile(r"\b(?:who|whom|whose|when|where|what|which|how|why)\b", re.IGNORECASE)
_HOW = re.compile(
    r"\W*(?:many|much|long|old|far|tall|large|big|high|deep|fast|often|wide|heavy|hot|cold|few|close|thick|small)\b",
    re.IGNORECASE,
)
_HOW_RECENT = re.compile(r"\W*(?:recently|long ago|early|late)\b", re.IGNORECASE)
_SHORT_DEFINITION = re.compile(
    r"^\W*(?:what|who)(?: is| are| was| were|['’]s) (?:an? |the )?[\w' -]{2,40}\??\W*$|^\W*define\b", re.IGNORECASE
)
_MONEY = re.compile(
    r"\b(?:cost|price|salary|budget|revenue|fee|how much (?:money|\w+ (?:\w+ )?pa(?:y|id)))\b", re.IGNORECASE
)
_PERCENTAGE = re.compile(r"\bper\s?cent(?:age)?\b", re.IGNORECASE)
_NOUNS = {
    AnswerType.NUMBER: "percent percentage number amount fraction proportion age population share size price cost "
    "temperature speed height depth length area distance weight width elevation average salary budget score ratio rate",
    AnswerType.DATE: "year date day month decade century time era birthday",
    AnswerType.PERSON: "actor actress artist author writer singer musician composer director producer player king "
    "queen president emperor scientist philosopher journalist physicist chemist mathematician politician explorer "
    "inventor "
    "founder leader general poet painter architect person man woman wife husband mother father son daughter brother "
    "sister character coach captain governor minister senator engineer doctor professor historian critic celebrity "
    "pope saint god goddess astronaut teacher student friend owner rapper band group creator designer",
    AnswerType.PLACE: "city country state place town county continent borough region province location nation capital "
    "village island river lake mountain street district area headquarters university college school sea ocean building "
    "stadium theater theatre venue territory neighborhood neighbourhood hometown birthplace",
}
_KIND_OF = {stem(noun): kind for kind, nouns in _NOUNS.items() for noun in nouns.split()}
_LEADING = frozenset("is was were are s the a an name names of exact some these those first last full real".split())
_STOPS = frozenset(
    """did does do is was were are has had have can could will would that who which to in for of by from on at with and
    as if when where""".split()
)
_HEAD_WORDS = 3
_SUBJECT_TERMS = 6  # room for a second name, a pronunciation or a date between the subject and its verb
_DEFINES = re.compile(
    r"^\W*(?:In [\w ]+, )?(?:An? |The )?(.{1,90}?),? (?:is|are|was|were|means|refers to) (?:an?|the|any|one|some)\b"
)


def answer_type(question: str) -> AnswerType:
    """What the first question word and the words after it ask for; `OTHER` where they do not say."""
    found = _QUESTION_WORD.search(question)
    if found is None:
        if _SHORT_DEFINITION.match(question):
            return AnswerType.DEFINITION
        said = words(question)
        return AnswerType.OTHER if not said or said[0] in _STOPS else _kind_of(said)  # "is it …" is yes or no
    asked, rest = found.group().lower(), question[found.end() :]
    if asked in ("who", "whom", "whose"):
        return AnswerType.PERSON
    if asked == "when":
        return AnswerType.DATE
    if asked == "where":
        return AnswerType.PLACE
    if asked == "how":
        if _HOW_RECENT.match(rest):
            return AnswerType.DATE
        return AnswerType.NUMBER if _HOW.match(rest) else AnswerType.OTHER
    if asked == "why":
        return AnswerType.OTHER
    kind = _kind_of(_head(words(rest)))
    if kind is AnswerType.OTHER and _SHORT_DEFINITION.match(question):
        return AnswerType.DEFINITION
    if kind is AnswerType.OTHER and found.start() > 0:  # "of what height", "in 1990, what": nothing, or a later word
        later = _QUESTION_WORD.search(question, found.end())
        if later is not None and later.group().lower() in ("who", "whom", "when", "where"):
            return answer_type(question[later.start() :])
    return kind


def asks_definition(question: str) -> bool:
    """Whether the question is short and asks what, or who, something is."""
    return _SHORT_DEFINITION.match(question) is not None


def asks_money(question: str) -> bool:
    return _MONEY.search(question) is not None


def asks_percentage(question: str) -> bool:
    return _PERCENTAGE.search(question) is not None


def counted(question: str) -> frozenset[str]:
    """The terms of what "how many" counts: two words after it at most. Empty for other questions."""
    found = re.search(r"\bhow many\b", question, re.IGNORECASE)
    if found is None:
        return frozenset()
    return frozenset(terms(" ".join(_head(words(question[found.end() :]))[:2])))


def _head(following: Sequence[str]) -> list[str]:
    """The words of the noun that a question word asks for: those before the first verb or preposition."""
    head: list[str] = []
    for word in following:
        if not head and word in _LEADING:
            continue
        if word in _STOPS or len(head) == _HEAD_WORDS:
            break
        head.append(word)
    return head


def _kind_of(nouns: Sequence[str]) -> AnswerType:
    found = [_KIND_OF[key] for key in map(stem, nouns) if key in _KIND_OF]
    return found[-1] if found else AnswerType.OTHER


def defines(question: str, sentence: str, *, opens: bool) -> float:
    """How far the sentence says what the thing is that a question asks the definition of.

    1.0 where it starts with the thing and says that it is one; 1.5 where it also `opens` its article, and then the
    thing at its start is enough: there follow pronunciations, other names and dates. 0.0 for any other.
    """
    topic = set(terms(question))
    if not topic:
        return 0.0
    if opens and topic <= set(terms(" ".join(sentence.split()[: len(topic) + _SUBJECT_TERMS]))):
        return 1.5
    subject = _DEFINES.match(sentence)
    if subject is None:
        return 0.0
    said = set(terms(subject.group(1)))
    return float(topic <= said and len(said) <= len(topic) + _SUBJECT_TERMS)
