"""The module's version, and that of the contract it was written for."""

from __future__ import annotations

from collections.abc import Iterator

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

BAD = Code("bad-version", "The version is not SemVer, or no Python package could have it.")
CONTRACT = Code("bad-api-version", "The module was written for a contract that is not spoken here.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "semver")
    yield from module.found(CONTRACT, "api_version")
    for key, code in (("version", BAD), ("api_version", CONTRACT)):
        value = module.document.at(key)
        if isinstance(value, int | float):
            yield module.finding(code, (key,), f"{key} is the number {value}, not a text", "Put it in quotes.")


RULE = Rule((BAD, CONTRACT), check)
