"""Words a sentence uses for what a question asks: "who wrote" is answered by "a novel by".

Stemming does not join them and the small embedding model only half does. The table is short on purpose: the relations
people ask for most, each with the words that state it.
"""

from __future__ import annotations

from functools import cache

from lumina_core.text.analysis import stem, terms

__all__ = ["relation_terms"]

_STATED_BY = {
    "wrote write written": "author novel book writer novelist essay satire poem published wrote written write penned",
    "founded founder": "founder founded established created developed creator",
    "invented inventor": "inventor invented invention created developed devised",
    "directed director": "director directed film",
    "composed composer": "composer composed music composition",
    "died die death": "death died killed",
    "born birthplace": "birth born native",
    "married marry": "wife husband spouse married wed",
    "killed shot": "assassinated assassin murdered killed shot slain",
    "owns own": "part belongs constituent territory owned",
    "discovered discover": "discovery discovered discoverer identified",
    "eat": "feed feeds diet food eats",
    "live": "found habitat native inhabit range",
    "mean meaning": "means meaning translated defined refers",
    "cause causes": "cause caused due result",
    "made": "composed consists mixture material made",
    "play played": "actor starring portrayed played",
    "won win": "won winner awarded",
    "teacher taught": "taught student pupil tutor studied teacher",
    "mother father": "son daughter parents mother father",
    "located location": "located lies situated",
    "called": "known named called",
    "developed": "created founded developed",
    "started start began begin": "began begin started start",
    "ended end": "ended concluded",
    "become became": "became admitted become",
    "named": "named honour after",
}


@cache
def _table() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for asked, stated in _STATED_BY.items():
        said = frozenset(stem(word) for word in stated.split())
        for word in asked.split():
            table[stem(word)] = said
    return table


def relation_terms(question: str) -> frozenset[str]:
    """The terms that would state the relation a question asks for, without the question's own; often none."""
    asked = set(terms(question))
    table = _table()
    return frozenset().union(*(table[term] for term in asked if term in table)) - asked
