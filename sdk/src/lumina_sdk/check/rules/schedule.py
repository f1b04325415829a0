"""When the module's jobs run."""

from __future__ import annotations

from collections.abc import Iterator

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

BAD = Code("bad-schedule", "A schedule entry has no cron line or interval that can be followed, or has both.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "schedule")


RULE = Rule((BAD,), check)
