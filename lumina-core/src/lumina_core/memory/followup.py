"""Follow-up questions made to stand alone, without a language model: "When was it founded?", "And in 1990?".

A question that stands alone is left as it is: a wrong rewrite costs more than a missed one, because the reader never
sees what was searched for. So every rule here asks for a sign that something is missing *and* for a name that fits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lumina_core.memory.dependence import Dependence, Gap, find_dependence
from lumina_core.memory.mentions import Kind, Mention, PastTurn, antecedents, proper_names
from lumina_core.memory.turns import TurnId

__all__ = ["PastTurn", "Rewritten", "rewrite"]

_TIME_ONLY = re.compile(
    r"(?:in|during|after|before|since|until|by|around)?\s*(?:the\s+)?(?:\w+\s+)?(?:1\d{3}|20\d{2})s?|"
    r"(?:in|during|since)\s+the\s+\w+\s+century",
    re.I,
)
_TIME_PHRASE = re.compile(
    r"(?:\b(?:in|during|after|before|since|until|by|around)\s+)(?:the\s+)?(?:1\d{3}|20\d{2})s?\b|\b(?:1\d{3}|20\d{2})s?\b",
    re.I,
)
_WH_PHRASE = re.compile(
    r"^(?:(?:by|in|at|on|from|to|with|for|since)\s+)?(?:who|whom|whose|what|which|when|where|why|how)\b\s*", re.I
)
_OPENER = re.compile(r"^(?:and|but|so|or|ok|okay|also|then|well)\b[\s,]*", re.I)
_WHAT_ABOUT = re.compile(r"^(?:what|how)\s+about\s+", re.I)
_MIN_WEIGHT = 0.5
_PEOPLE = frozenset({Kind.PERSON, Kind.MALE, Kind.FEMALE})
_THINGS = frozenset({Kind.THING, Kind.PLACE, Kind.PLURAL})
_SAME_AS = {Kind.MALE: _PEOPLE, Kind.FEMALE: _PEOPLE, Kind.THING: _THINGS, Kind.PLACE: _THINGS}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question that can be searched for as it stands.

    `from_turn` is the turn the missing part came from, None where nothing was changed; `reason` says in a few words
    what was done, for `explain`.
    """

    query: str
    from_turn: TurnId | None = None
    reason: str = "stands alone"

    @property
    def is_rewritten(self) -> bool:
        return self.from_turn is not None


def rewrite(question: str, past: Sequence[PastTurn]) -> Rewritten:
    """Fill in what a follow-up leaves out, from the session's last turns.

    Args:
        question: As the person typed it.
        past: The session's last turns, oldest first; a few are enough.

    Returns:
        The question itself where it stands alone, or where no name fits what is missing.
    """
    question = " ".join(question.split())
    if not past or not question:
        return Rewritten(question)
    dependence = find_dependence(question)
    if dependence is None:
        return Rewritten(question)
    if dependence.gap is Gap.ELLIPSIS:
        return _complete(question, dependence, past)
    mention = _choose(antecedents(past), dependence)
    if mention is None:
        return Rewritten(question)
    if dependence.gap is Gap.COMPLEMENT:
        query = _with_complement(question, dependence, mention.name)
        return Rewritten(query, mention.turn, f"{dependence.words!r} was taken to be of {mention.name!r}")
    query = _substitute(question, dependence, mention.name)
    if _WHAT_ABOUT.match(_OPENER.sub("", query)):
        query = "What is " + _WHAT_ABOUT.sub("", _OPENER.sub("", query))
    return Rewritten(_tidy(query), mention.turn, f"{dependence.words!r} was taken for {mention.name!r}")


def _choose(mentions: Sequence[Mention], dependence: Dependence) -> Mention | None:
    """The weightiest mention of a kind that fits; one that fits only perhaps counts less."""
    best: Mention | None = None
    best_score = 0.0
    for mention in mentions:
        if mention.name.casefold() in dependence.excluded or not mention.kinds & dependence.kinds:
            continue
        score = mention.weight * _fit(mention.kinds, dependence.kinds)
        if score > best_score:
            best, best_score = mention, score
    return best if best_score >= _MIN_WEIGHT else None


def _fit(kinds: frozenset[Kind], wanted: frozenset[Kind]) -> float:
    if Kind.PLURAL in wanted and wanted != frozenset(Kind) and not kinds & {Kind.PLURAL, Kind.PERSON}:
        return 0.6  # "they" of a place or a thing: its people
    if wanted & {Kind.THING, Kind.PLACE} and Kind.THING in kinds:
        return 1.0
    if kinds <= wanted | _SAME_AS.get(next(iter(wanted)), frozenset()):
        return 1.0
    return 0.75


def _substitute(question: str, dependence: Dependence, name: str) -> str:
    before, after = question[: dependence.start], question[dependence.end :]
    if dependence.is_possessive:
        name += "'" if name.endswith("s") and not name.endswith("ss") else "'s"
    elif Kind.PLACE in dependence.kinds and dependence.words.lower() == "there":
        name = f"in {name}"
    return before + name + after


def _with_complement(question: str, dependence: Dependence, name: str) -> str:
    return f"{question[: dependence.end]} of {name}{question[dependence.end :]}"


def _complete(question: str, dependence: Dependence, past: Sequence[PastTurn]) -> Rewritten:
    """Put the fragment where its like stood in the last question: a year for a year, a name for a name."""
    last = past[-1]
    whole = last.query.strip() or last.user.strip()
    fragment = dependence.words.strip(" ?!.,")
    if not whole or not fragment:
        return Rewritten(question)
    stem = whole.rstrip(" ?!.")
    if _WH_PHRASE.fullmatch(fragment):
        rest = _WH_PHRASE.sub("", stem)
        return Rewritten(f"{_capital(fragment)} {rest}?", last.id, f"{fragment!r} was asked of the question before")
    if _TIME_ONLY.fullmatch(fragment):
        return Rewritten(_replace_time(stem, fragment), last.id, "another time was put into the question before")
    bare = re.sub(r"^(?:in|at|of|for|from|with|by|on|to)\s+", "", fragment)
    if re.match(r"(?:the|its|a|an)\s+[a-z]", bare) and not proper_names(bare):
        mention = _choose(antecedents(past), Dependence(Gap.COMPLEMENT, fragment, 0, 0, frozenset(Kind)))
        if mention is None:
            return Rewritten(question)
        query = f"What is {bare} of {mention.name}?"
        return Rewritten(query, mention.turn, f"{bare!r} was taken to be of {mention.name!r}")
    replaced = _replace_name(stem, bare, last)
    if replaced is None:
        return Rewritten(f"{stem}, {fragment}?", last.id, f"{fragment!r} was added to the question before")
    return Rewritten(f"{replaced}?", last.id, f"{fragment!r} was put into the question before")


def _replace_time(stem: str, fragment: str) -> str:
    time = f"in {fragment}" if fragment[:1].isdigit() else fragment[:1].lower() + fragment[1:]
    found = list(_TIME_PHRASE.finditer(stem))
    if found:
        return f"{stem[: found[-1].start()].rstrip()} {time}{stem[found[-1].end() :]}?"
    return f"{stem} {time}?"


def _replace_name(stem: str, name: str, last: PastTurn) -> str | None:
    """`stem` with its topic, the cited title or else the last name in it, exchanged for `name`."""
    for title in last.titles:
        at = stem.casefold().find(title.casefold())
        if at >= 0:
            return _exchange(stem, at, len(title), name)
    names = proper_names(stem)
    if not names:
        return None
    at = stem.rfind(names[-1])
    return _exchange(stem, at, len(names[-1]), name)


def _exchange(stem: str, at: int, length: int, name: str) -> str:
    before = stem[:at]
    if re.match(r"the\s", name, re.I):
        before = re.sub(r"\bthe\s+$", "", before, flags=re.I)
    return before + name + stem[at + length :]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tidy(query: str) -> str:
    query = " ".join(_OPENER.sub("", query).split())
    return _capital(query)
