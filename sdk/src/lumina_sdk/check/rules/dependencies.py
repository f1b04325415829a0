"""What the module depends on."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

BAD = Code("bad-dependency", "A dependency is not written as PEP 508 has it, or is no module and no part of Lumina.")
ITSELF = Code("depends-on-itself", "The module names itself as a dependency.")
TWICE = Code("repeated-dependency", "A dependency is named twice.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "dependency")
    seen: set[str] = set()
    for index, text in module.dependencies.items():
        name = canonicalize_name(Requirement(text).name)
        place = ("dependencies", index)
        if name == module.name:
            yield module.finding(ITSELF, place, f"{name} depends on itself", "Remove the line.")
        if name in seen:
            yield module.finding(TWICE, place, f"{name} is named twice", "Join both into one: other >= 0.2, < 1.")
        seen.add(name)


RULE = Rule((BAD, ITSELF, TWICE), check)
