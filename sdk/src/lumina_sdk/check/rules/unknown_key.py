"""A key the manifest does not know, or has twice."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import BaseModel

from lumina_sdk.check.document import Place
from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding
from lumina_sdk.contract.manifest import DeclaredScope, Endpoint, Limits, Manifest, ManifestEvents, ScheduleEntry

__all__ = ["RULE"]

UNKNOWN = Code("unknown-key", "The manifest has a key Lumina does not know, so it would be without effect.")
REPEATED = Code("repeated-key", "A key stands twice at one place; only the last would count.")

_MODELS: dict[str, type[BaseModel]] = {
    "endpoints": Endpoint,
    "events": ManifestEvents,
    "schedule": ScheduleEntry,
    "scopes": DeclaredScope,
    "limits": Limits,
}


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    for error in module.errors:
        if error["type"] == "extra_forbidden":
            place = error["loc"]
            yield module.finding(UNKNOWN, place, f"there is no key {str(place[-1])!r} here", _hint(place))
    for place in module.document.repeated:
        yield module.finding(REPEATED, place, f"the key {str(place[-1])!r} stands twice", "Remove one.")


def _hint(place: Place) -> str:
    known = [
        field.alias or name
        for name, field in (_MODELS[str(place[0])] if len(place) > 1 else Manifest).model_fields.items()
    ]
    near = get_close_matches(str(place[-1]), known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}? Keys of your own begin with 'x-'."
    return f"Known here are {', '.join(sorted(known))}. Keys of your own begin with 'x-'."


RULE = Rule((UNKNOWN, REPEATED), check)
