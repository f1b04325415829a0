"""Whether a question leans on the ones before it, and by which words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from lumina_core.memory.mentions import Kind, proper_names

__all__ = ["Dependence", "Gap", "find_dependence"]


class Gap(Enum):
    """What is missing: the name a pronoun stands for, the "of what" after a noun, or most of the sentence."""

    PRONOUN = auto()
    COMPLEMENT = auto()
    ELLIPSIS = auto()


@dataclass(frozen=True, slots=True)
class Dependence:
    """The words that lean on the past, where they stand in the question, and which kinds of thing they can mean.

    `excluded` holds, case-folded, the names the question itself gives: a pronoun beside them means another.
    """

    gap: Gap
    words: str
    start: int
    end: int
    kinds: frozenset[Kind]
    is_possessive: bool = False
    excluded: frozenset[str] = frozenset()


_MANY = frozenset({Kind.PLURAL, Kind.PERSON, Kind.PLACE, Kind.THING})
_PRONOUNS: dict[str, frozenset[Kind]] = {
    "he": frozenset({Kind.MALE}),
    "him": frozenset({Kind.MALE}),
    "his": frozenset({Kind.MALE}),
    "she": frozenset({Kind.FEMALE}),
    "her": frozenset({Kind.FEMALE}),
    "hers": frozenset({Kind.FEMALE}),
    "it": frozenset({Kind.THING}),
    "its": frozenset({Kind.THING}),
    "they": _MANY,
    "them": _MANY,
    "their": _MANY,
    "theirs": _MANY,
    "there": frozenset({Kind.PLACE}),
}
_POSSESSIVES = frozenset({"his", "its", "their"})
_SUBORDINATORS = re.compile(
    r"\b(?:when|if|because|before|after|while|since|although|though|once|until|unless|whereas|and|but|so|as|that|which|"
    r"who|than|even)\b|[,;:]",
    re.I,
)
_PRONOUN = re.compile(r"\b(" + "|".join(sorted(_PRONOUNS, key=len, reverse=True)) + r")\b(?!['’](?:ll|d)\b)", re.I)
_PLEONASTIC = (
    re.compile(
        r"\bis it (?:true|possible|safe|legal|illegal|ok|okay|normal|bad|good|necessary|better|worth|hard|easy|right|"
        r"wrong|healthy|dangerous|important|known|correct|raining|cold|hot|warm|dark|snowing)\b",
        re.I,
    ),
    re.compile(
        r"\bit (?:takes?|took|costs?|means?|feels?|rains?|snows?|is (?:true|said|possible))\b"
        r".*\b(?:to|that|for|when|if)\b",
        re.I,
    ),
    re.compile(r"\bit (?:mean|feel) to\b", re.I),
    re.compile(
        r"\b(?:does|did|do|will|can|has|is) it (?:often |always |ever |usually )?(?:rain|snow|hail|get|thunder)", re.I
    ),
    re.compile(r"\bis it (?:called|like) (?:when|if|to)\b", re.I),
    re.compile(r"\bis it (?:that|to|for)\b", re.I),
    re.compile(r"\bwhat (?:time|day|year|month|date) is it\b", re.I),
    re.compile(r"\bit is\b.*\bthat\b", re.I),
)
_BE = r"(?:is|are|was|were|am|be|been|being)"
_EXISTENTIAL = re.compile(
    rf"\b(?:{_BE}|has|have|had|can|could|will|would|did|does|do|may|might|must|should) there\b|"
    rf"\bthere (?:{_BE}|has|have|had|exists?|'s|’s)\b",
    re.I,
)
_WH_OPENING = re.compile(
    r"^\W*(?:(?:and|but|so|or|ok|okay|also)\W+)?(?:(?:in|on|at|by|for|from|to|with|of|under)\s+)?"
    r"(?:what|which|who|whom|whose|when|where|why|how)\b"
    r"(?:\s+(?:many|much|long|old|far|big|tall|often|high|deep|large|fast))?"
    r"(?P<noun>(?:\s+[a-z]+){0,3}?)\s+"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b",
    re.I,
)
_CONTENT = re.compile(r"[A-Za-z]{3,}")
_GRAMMAR = frozenset(
    """the and are was were did does has have had can could will would should may might must what which who whom whose
    when where why how about with from into for not they them their his her its she him there this that these those
    been being much many long old far you your our""".split()
)
_DEMONSTRATIVE = re.compile(
    rf"(?:^|\b(?:{_BE}|does|did|do|of|in|for|about|by|to|with|from|at|why|how|after|before|since|during|on|into|"
    r"and|what|"
    r"under|near|behind|like|than)\s+)(?P<all>(?P<word>this|that|these|those)(?:\s+(?P<noun>[a-z]+))?)(?=\W|$)",
    re.I,
)
_DEICTIC_NOUNS = frozenset(
    "year week month century decade morning evening day season moment time weekend age world".split()
)
_NOUN_ENDS = re.compile(
    rf"\s*(?:[?.!,;]|$)|\s+(?:{_BE}|do|does|did|has|have|had|can|could|will|would|in|on|at|by|for|from|to|of|about|and|or|"
    r"with|after|before|during|end|begin|start|work|live|come|happen|made|called(?!\s+that))\b",
    re.I,
)
_TIME_NOUNS = frozenset("year time day century decade period era war battle".split())
_NOT_NOUNS = frozenset(
    """is are was were do does did has have had can could will would should the a an in on at of for to and or but mean
    happen happened work called important true possible so not by from with he she it they you we i people
    happens""".split()
)
_COPULA = re.compile(r"\W*(?:[Ii]s|[Ww]as|[Aa]re|[Ww]ere)\s+(?:[A-Z][\w.-]*\s+)+(?:really\s+|also\s+|ever\s+)?$")
"""As in "Was Plato his teacher?", after which a possessive means somebody else."""
_AUXILIARY = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b", re.I
)
_ONE = re.compile(
    r"\b(?P<all>(?:which|the (?:other|first|second|last|oldest|newest|largest|biggest|same|latest)) ones?)\b", re.I
)
_RELATIONAL = re.compile(
    r"\b(?P<all>the (?:(?:official|current|total|first|main|original|present) )?(?:"
    r"capital(?: city)?|population|author|founders?|"
    r"plot|protagonist|currency|main characters?|climate|surface area|flag|motto|national anthem|state bird|"
    r"film adaptation|"
    r"ending|antagonist|publisher))(?=\s*[?.!]|\s*$|\s+(?:called|named|like|today|now|then|in (?:1\d{3}|20\d{2})))",
    re.I,
)
_OF_SOMETHING = re.compile(r"\b(?:of|in|for|from|by|at)\s+(?!1\d{3}|20\d{2})\S", re.I)
_FRAGMENT = re.compile(
    r"^(?:and|but|or|so|ok|okay|also)\b[\s,]+(?P<and>[^?.!]{1,60})[?.!]*$|"
    r"^(?:(?:and|but|so|ok|okay)\b[\s,]+)?(?:what|how) about\s+(?P<about>[^?.!]{1,60})[?.!]*$",
    re.I,
)
_BARE_WH = re.compile(
    r"^(?:(?:and|but|so|ok|okay)\b[\s,]+)?(?P<wh>(?:(?:since|by|until|in|for|with|from|to)\s+)?"
    r"(?:who|whom|when|where|why|what year|how(?: "
    r"(?:many|much|long|old|far|big|tall|often|so|come))?))\s*[?!.]*$",
    re.I,
)
_BARE_TIME = re.compile(
    r"^(?P<time>(?:in|during|since|after|before|by|around)\s+(?:the\s+)?(?:1\d{3}|20\d{2})s?)\s*[?!.]*$", re.I
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must|tell|explain|describe|"
    r"list|give|show|write|compare|who|what|when|where|why|how|which)\b",
    re.I,
)


def find_dependence(question: str) -> Dependence | None:
    """What the question leaves open, None where it stands alone.

    A pronoun that finds its antecedent in the question itself, an "it" that stands for nothing ("is it true that"),
    an existential "there" and "this year" leave nothing open.
    """
    for find in (_ellipsis, _pronoun, _demonstrative, _complement):
        found = find(question)
        if found is not None:
            return found
    return None


def _ellipsis(question: str) -> Dependence | None:
    for pattern, group in ((_BARE_WH, "wh"), (_BARE_TIME, "time")):
        match = pattern.match(question)
        if match:
            return Dependence(Gap.ELLIPSIS, match[group], match.start(group), match.end(group), frozenset(Kind))
    match = _FRAGMENT.match(question)
    if match is None:
        return None
    group = "about" if match["about"] else "and"
    words = match[group]
    pronouns = _PRONOUN.search(words) or _DEMONSTRATIVE.search(words)
    if pronouns or (group == "and" and _VERB.search(words)):
        return None
    if _OF_SOMETHING.search(words) and proper_names(words) and not re.match(r"(?:in|for|of|at|from|by)\b", words, re.I):
        return None  # "what about the economy of Alaska" says it all
    return Dependence(Gap.ELLIPSIS, words, match.start(group), match.end(group), frozenset(Kind))


def _pronoun(question: str) -> Dependence | None:
    for match in _PRONOUN.finditer(question):
        word = match[1].lower()
        if word in ("it",) and any(pattern.search(question) for pattern in _PLEONASTIC):
            continue
        if word == "there" and _is_existential(question, match.start()):
            continue
        possessive = word in _POSSESSIVES or (word == "her" and _is_before_noun(question, match.end()))
        if _has_antecedent(question, match.start(), word, possessive):
            continue
        names = frozenset(name.casefold() for name in proper_names(question))
        return Dependence(
            Gap.PRONOUN, match[1], match.start(), match.end(), _PRONOUNS[word], is_possessive=possessive, excluded=names
        )
    return None


def _demonstrative(question: str) -> Dependence | None:
    one = _ONE.search(question)
    if one and not proper_names(question) and not _OF_SOMETHING.search(question[one.end() :]):
        return Dependence(Gap.COMPLEMENT, one["all"], one.start("all"), one.end("all"), frozenset(Kind))
    for match in _DEMONSTRATIVE.finditer(question):
        word, noun = match["word"].lower(), (match["noun"] or "").lower()
        after_do = re.search(r"\b(?:do|does|did)\s+$", question[: match.start("word")], re.I) is not None
        is_noun = bool(noun) and noun not in _NOT_NOUNS and not (after_do and noun not in _TIME_NOUNS)
        if word in ("this", "these") and noun in _DEICTIC_NOUNS:
            continue
        if word == "that" and not is_noun and re.match(r"\s+\w", question[match.end("word") :]) and not noun:
            continue
        if word == "that" and noun in ("the", "a", "an", "he", "she", "it", "they", "we", "you", "i", "people"):
            continue  # a conjunction
        if _has_antecedent(question, match.start("word"), word, possessive=False):
            continue
        if is_noun and not _NOUN_ENDS.match(question[match.end("noun") :]):
            continue  # an adjective, or a noun that is explained by what follows
        end = match.end("noun") if is_noun and noun not in _TIME_NOUNS else match.end("word")
        if is_noun and noun in _TIME_NOUNS:
            end = match.end("noun")
        names = frozenset(name.casefold() for name in proper_names(question))
        return Dependence(
            Gap.PRONOUN, question[match.start("word") : end], match.start("word"), end, frozenset(Kind), excluded=names
        )
    return None


def _complement(question: str) -> Dependence | None:
    match = _RELATIONAL.search(question)
    if match is None or proper_names(question) or _OF_SOMETHING.search(question[: match.start()]):
        return None
    return Dependence(Gap.COMPLEMENT, match["all"], match.start("all"), match.end("all"), frozenset(Kind))


def _is_existential(question: str, at: int) -> bool:
    return any(match.start() <= at < match.end() for match in _EXISTENTIAL.finditer(question))


def _is_before_noun(question: str, end: int) -> bool:
    following = re.match(r"\s+([A-Za-z]+)", question[end:])
    return following is not None and following[1].lower() not in _NOT_NOUNS | {"when", "while", "after", "before", "if"}


def _has_antecedent(question: str, at: int, word: str, possessive: bool) -> bool:
    """Whether something before the pronoun can be what it means.

    Inside one clause only a possessive may point back at a name ("Einstein … his"); other pronouns there mean somebody
    else ("Did Edison know him?"). Across a clause border any name or noun before it will do, the noun of the opening
    "what year" or "which city" aside.
    """
    before = question[:at]
    opening = _WH_OPENING.match(question)
    body_start = opening.end() if opening and opening.end() <= at else 0
    body = before[body_start:] if opening else before
    borders = list(_SUBORDINATORS.finditer(body))
    first = body[: borders[-1].start()] if borders else ""
    content = [w for w in _CONTENT.findall(first) if w.lower() not in _GRAMMAR and w.lower() not in _PRONOUNS]
    opener = re.fullmatch(r"\W*", first) is not None and body_start == 0  # "And when did it …": no clause before
    crosses = bool(borders) and not opener
    copular = possessive and _COPULA.match(before) is not None and not crosses
    if proper_names(before) and not copular and (possessive or crosses):
        return True
    if crosses and content:
        return True
    body = _AUXILIARY.sub("", body)
    if possessive and word == "their":
        # "How do birds find their way": a plural subject in the same clause
        subject = re.match(
            r"\s*(?:the\s+)?(?:\w+\s+)?(\w+s|people|children|men|women|person|someone|anyone|everyone|"
            r"student|child|parent|citizen)\b",
            body,
        )
        return subject is not None and subject[1].lower() not in _GRAMMAR
    if possessive:
        subject = re.match(r"\s*(?:the|a|an)\s+(\w+)", body)
        return subject is not None
    return False
