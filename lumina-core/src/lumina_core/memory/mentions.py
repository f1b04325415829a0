"""Who and what a conversation is about: the names in its last turns, and which pronouns may stand for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lumina_core.memory.turns import TurnId

__all__ = ["Kind", "Mention", "PastTurn", "antecedents", "proper_names"]


@dataclass(frozen=True, slots=True)
class PastTurn:
    """What following up needs of a turn: what was asked, what was searched for, the answer without its markers, and
    the titles of the cited articles, in the order of the citations."""

    id: TurnId
    user: str
    query: str
    assistant: str
    titles: tuple[str, ...] = ()


class Kind(StrEnum):
    """What a pronoun can tell about the thing it stands for."""

    MALE = "male"
    FEMALE = "female"
    PERSON = "person"
    THING = "thing"
    PLURAL = "plural"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Mention:
    """A name that a later pronoun may mean. `weight` is how much the last turns are about it, above 0."""

    name: str
    turn: TurnId
    weight: float
    kinds: frozenset[Kind]


_NAME_WORD = r"(?:[A-Z][\w’'.-]*|[0-9]+(?:st|nd|rd|th))"
_LINK = r"(?:of|the|and|de|da|di|du|la|le|van|von|der|den|bin|al|on|in|for)"
_NAME = re.compile(rf"[A-Z][\w’'.-]*(?:\s+(?:{_LINK}\s+){{0,2}}{_NAME_WORD}|\s+[IVX]+\b|\s+\d+\b)*")
_NOT_NAMES = frozenset(
    """A About After All Also Am An And Any Are As At Be Because Before Both But By Can Could Did Do Does During Each
    Explain For Find From Give Had Has Have He Her Here His How However I If In Is It Its Let List Many May Might More
    Most Must Name No Not Of On One Or Other Our Please Say She Should Show Since So Some Tell That The Their Then There
    These They This Those To Under Until Was Were What When Where Which While Who Whom Whose Why Will With Would Yes You
    Your OK Okay Describe Define Compare""".split()
)
_MONTHS = frozenset(
    """January February March April May June July August September October November December Monday Tuesday Wednesday
    Thursday Friday Saturday Sunday""".split()
)
_LEADS_ON = frozenset({"The", "A", "An"})
_BRACKETS = re.compile(r"\s*\([^)]*\)\s*$")
_POSSESSIVE = re.compile(r"[’']s?$")
_HE = re.compile(r"\b(?:he|his|him|himself|actor|king|son|father|husband|brother|prince|emperor|mr)\b", re.I)
_SHE = re.compile(
    r"\b(?:she|her|hers|herself|actress|queen|daughter|mother|wife|sister|princess|empress|mrs|ms)\b", re.I
)
_ROLE = (
    r"philosopher|writer|author|novelist|poet|physicist|scientist|mathematician|composer|singer|musician|artist|painter|"
    r"politician|president|statesman|lawyer|actor|actress|player|inventor|engineer|director|general|explorer|astronaut|"
    r"economist|king|queen|emperor|empress|anarchist|philanthropist|historian|biologist|chemist|naturalist|dramatist|"
    r"playwright|architect|surgeon|physician|activist|leader|man|woman|person|filmmaker|astronomer|psychologist|linguist"
)
_WHO = re.compile(
    r"^\W*(?:and\s+|so\s+|but\s+)?(?:who|whom|whose|by whom)\b|\bwhich (?:\w+ )?(?:person|man|woman)\b", re.I
)
_PLURAL_HINT = re.compile(r"(?:[^s]s)$")
_GROUP = re.compile(
    r"\b(?:Inc|Corporation|Company|University|Band|Group|Party|Team|Beatles|Army|Church|League|Union|Committee|Council|"
    r"Museum|Foundation|Institute|House|Court|Government|Party|Club|Bank|Airlines|Society)\b"
)
_TURN_DECAY = 0.45


def proper_names(text: str) -> list[str]:
    """The runs of capitalised words in a sentence that read as names, in order, without repeats or possessives.

    The first word counts only where it is no ordinary sentence opener. Years and months alone are no names.
    """
    found: list[str] = []
    for match in _NAME.finditer(text):
        words = match.group().split()
        while words and (words[0] in _NOT_NAMES or words[0].lower() in ("and", "or")):
            words.pop(0)
        while words and (words[-1] in _NOT_NAMES or re.fullmatch(_LINK, words[-1])):
            words.pop()
        name = _POSSESSIVE.sub("", " ".join(words).rstrip(".,;:-"))
        if len(name) < 2 or name in _MONTHS or name.isdigit() or name in found:
            continue
        found.append(name)
    return found


def antecedents(past: Sequence[PastTurn]) -> list[Mention]:
    """What a pronoun in the next question may stand for, most likely first.

    The title of a cited article weighs most, more so where the question named it; then the names in the question,
    then the ones in the answer, the first one above all where a person was asked for. Each turn further back counts
    less than half of the one after it.
    """
    best: dict[str, Mention] = {}
    for age, turn in enumerate(reversed(past)):
        decay = _TURN_DECAY**age
        for name, weight, kinds in _of_turn(turn):
            key = name.casefold()
            known = best.get(key)
            if known is None or known.weight < weight * decay:
                best[key] = Mention(name, turn.id, weight * decay, kinds if known is None else known.kinds | kinds)
    return sorted(best.values(), key=lambda mention: -mention.weight)


def _of_turn(turn: PastTurn) -> list[tuple[str, float, frozenset[Kind]]]:
    asked = proper_names(turn.query)
    asks_for_person = bool(_WHO.search(turn.user) or _WHO.search(turn.query))
    found: list[tuple[str, float, frozenset[Kind]]] = []
    titles = [_BRACKETS.sub("", title).strip() for title in turn.titles if title.strip()]
    for rank, title in enumerate(dict.fromkeys(titles)):
        in_question = title.casefold() in turn.query.casefold()
        weight = (3.0 if in_question else 2.2 if rank == 0 else 1.2) - 0.1 * rank
        found.append((title, weight, _kinds(title, turn, asks_for_person)))
    covered = [title.casefold() for title in titles]
    for rank, name in enumerate(asked):
        weight = 2.0 - 0.15 * rank
        if any(name.casefold() in title for title in covered):
            continue  # the title is its full form
        found.append((name, weight, _kinds(name, turn, asks_for_person)))
    asked_folded = turn.query.casefold()
    answered = [name for name in proper_names(turn.assistant) if name.casefold() not in asked_folded]
    for rank, name in enumerate(answered[:4]):
        if name.casefold() in covered:
            continue
        weight = (2.0 if asks_for_person and rank == 0 else 1.0) - 0.15 * rank
        found.append((name, weight, _kinds(name, turn, asks_for_person, in_answer=True)))
    return found


def _kinds(name: str, turn: PastTurn, asks_for_person: bool, *, in_answer: bool = False) -> frozenset[Kind]:
    """The kinds that fit. Gender comes from the words near the name; where nothing tells, every person is both."""
    words = name.split()
    text = f"{turn.query}\n{turn.assistant}"
    near = _near(text, name)
    escaped = re.escape(name)
    in_question = name.casefold() in turn.query.casefold()
    group = bool(_GROUP.search(name)) or words[0] in _LEADS_ON
    capitalised = all(word[:1].isupper() or re.fullmatch(_LINK, word) for word in words)
    named_by_who = asks_for_person and (
        not in_question or bool(re.search(rf"\bwho(?:['’]s|\s+(?:is|was|are|were))\s+{escaped}\W*$", turn.query, re.I))
    )
    described = re.search(
        rf"{escaped}\s*(?:\([^)]*\)\s*)?(?:,|(?:is|was)\s+(?:an?|the|one of))[^.,;]{{0,60}}?\b(?:{_ROLE})s?\b|"
        rf"{escaped}\s*(?:\([^)]*\)\s*)?(?:was\s+)?\(?born\b",
        text,
        re.I,
    )
    person = capitalised and not group and len(words) <= 4 and (named_by_who or described is not None)
    if person:
        kinds = {Kind.PERSON}
        he, she = len(_HE.findall(near)), len(_SHE.findall(near))
        if he >= she:
            kinds.add(Kind.MALE)
        if she >= he:
            kinds.add(Kind.FEMALE)
        return frozenset(kinds)
    kinds = {Kind.THING}
    two_or_three = len(words) in (2, 3) and not any(re.fullmatch(_LINK, word) for word in words)
    if capitalised and not group and two_or_three and not (asks_for_person and in_question):
        kinds |= {Kind.PERSON, Kind.MALE, Kind.FEMALE}  # it may be a person: a pronoun that says so decides
    if group or _PLURAL_HINT.search(words[-1]):
        kinds.add(Kind.PLURAL)
    if capitalised:
        kinds.add(Kind.PLACE)
    return frozenset(kinds)


def _near(text: str, name: str) -> str:
    """The sentences that hold the name, and the one after each."""
    sentences = re.split(r"(?<=[.!?])\s+|\n", text)
    kept: list[str] = []
    for index, sentence in enumerate(sentences):
        if name.casefold() in sentence.casefold():
            kept.append(sentence)
            following = sentences[index + 1] if index + 1 < len(sentences) else ""
            if re.match(r"(?:He|She|It|They|His|Her)\b", following):
                kept.append(following)
    return " ".join(kept)
