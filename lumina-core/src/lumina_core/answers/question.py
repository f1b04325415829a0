"""What a question asks for, read off its words."""

from __future__ import annotations

import re
from enum import StrEnum

from lumina_core.text.analysis import terms

__all__ = ["AnswerType", "answer_type", "defines", "holds_type", "new_names"]


class AnswerType(StrEnum):
    """The kind of thing that would answer."""

    NUMBER = "number"
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    DEFINITION = "definition"
    OTHER = "other"


_ASKS: tuple[tuple[AnswerType, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            AnswerType.NUMBER,
            r"\bhow (?:many|much|long|old|far|tall|large|big|high|deep|fast|often|wide|heavy|hot|cold|few)\b"
            r"|\b(?:what|which)(?: \w+)? (?:percent|percentage|number|amount|fraction|proportion|age|population|share|"
            r"size|price|cost|temperature|speed|height|depth|length|area)\b|\bpopulation of\b",
        ),
        (
            AnswerType.DATE,
            r"\bwhen\b|\b(?:what|which)(?: \w+)? (?:year|date|day|month|decade|century|time)\b|\bhow recently\b",
        ),
        (AnswerType.PERSON, r"\bwho\b|\bwhose\b|\bwhom\b"),
        (
            AnswerType.PLACE,
            r"\bwhere\b|\b(?:what|which)(?: \w+)? (?:city|country|state|place|town|county|continent|borough|region|"
            r"province|location|nation)\b|\bcapital\b",
        ),
        (
            AnswerType.DEFINITION,
            r"^\W*(?:what|who) (?:is|are|was|were) (?:an? |the )?[\w' -]{2,40}\??\W*$|^\W*define\b",
        ),
    )
)

_NUMBER = re.compile(
    r"\d+(?:[.,]\d+)*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|dozen|dozens|hundreds?|thousands?|millions?|billions?|half|"
    r"third|quarter|once|twice)\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:1\d{3}|20\d{2})\b|\b\d0s\b|\b(?:January|February|March|April|May|June|July|August|September|October|"
    r"November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b|\b(?:century|BCE?|AD|CE)\b"
)
_DEFINES = re.compile(
    r"^\W*(?:In [\w ]+, )?(?:An? |The )?(.{1,90}?),? (?:is|are|was|were|means|refers to) (?:an?|the|any|one|some)\b"
)
_SUBJECT_TERMS = 6  # room for a second name, a pronunciation or a date between the subject and its verb
_NAME = re.compile(r"\b[^\W\d_][\w'’]+")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


def answer_type(question: str) -> AnswerType:
    """The first type whose pattern the question fits, in the order of `AnswerType`."""
    for kind, pattern in _ASKS:
        if pattern.search(question):
            return kind
    return AnswerType.OTHER


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


def new_names(question: str, sentence: str) -> int:
    """How many capitalised words the sentence has, its first word aside, that the question has not."""
    asked = {word.lower() for word in re.findall(r"\w+", question)}
    found = {
        match.group().lower() for match in _NAME.finditer(sentence) if match.start() > 0 and match.group()[0].isupper()
    }
    return len({name for name in found if name.removesuffix("'s").removesuffix("’s") not in asked})


def holds_type(kind: AnswerType, question: str, sentence: str) -> bool:
    """Whether the sentence holds something of that type which the question does not say itself."""
    match kind:
        case AnswerType.NUMBER:
            asked = set(_DIGITS.findall(question))
            return any(found.group() not in asked for found in _NUMBER.finditer(sentence))
        case AnswerType.DATE:
            asked = set(_DATE.findall(question))
            return any(found.group() not in asked for found in _DATE.finditer(sentence))
        case AnswerType.PERSON | AnswerType.PLACE:
            return new_names(question, sentence) > 0
        case _:
            return False
