"""Everything else a manifest's values can be wrong in."""

from __future__ import annotations

from collections.abc import Iterator

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

MISSING = Code("missing-key", "A key that must be there is not.")
BAD = Code("bad-value", "A value has the wrong type, or lies outside what is allowed.")
TWICE = Code("declared-twice", "Two endpoints, jobs or scopes of one manifest have the same name.")

_OF_OTHER_RULES = frozenset(
    "extra_forbidden slug semver api_version dependency scope own_scope path websocket schedule stream entrypoint twice"
    "".split()
)
_NUMBERS_FOR_TEXT = frozenset({("version",), ("api_version",)})


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(TWICE, "twice")
    for error in module.errors:
        place, kind = error["loc"], error["type"]
        if kind == "missing":
            inside = ".".join(map(str, place[:-1]))
            yield module.finding(
                MISSING,
                place,
                f"{inside or 'the manifest'} has no {str(place[-1])!r}",
                f"Add {place[-1]}: … there.",
            )
        elif kind not in _OF_OTHER_RULES:
            if (
                kind == "string_type"
                and place in _NUMBERS_FOR_TEXT
                and isinstance(module.document.at(*place), int | float)
            ):
                continue  # the version rule says it better
            said = error["msg"].removeprefix("Input ").removeprefix("Value ")
            yield module.finding(
                BAD,
                place,
                f"{'.'.join(map(str, place))} {said[:1].lower()}{said[1:]}",
                f"It is {_shown(module.document.at(*place))} now.",
            )


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"


RULE = Rule((MISSING, BAD, TWICE), check)
