"""The module's name."""

from __future__ import annotations

from collections.abc import Iterator

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

BAD = Code("bad-name", "The name is not lower case with dashes, or it is Lumina's own.")
FOLDER = Code("name-is-not-the-folder", "The name in the manifest and the folder's name differ.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "slug")
    name = module.document.at("name")
    if isinstance(name, str) and name != module.path.name:
        yield module.finding(
            FOLDER,
            ("name",),
            f"the manifest says {name!r}, the folder is {module.path.name!r}",
            "Rename one of the two.",
        )


RULE = Rule((BAD, FOLDER), check)
