"""What a rule is: some codes, and a function that finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lumina_sdk.contract.finding import ModuleFinding, Severity

if TYPE_CHECKING:
    from lumina_sdk.check.folder import ModuleFolder

__all__ = ["Code", "Rule"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding. `name` is in lower case with dashes, `sentence` says for people what is wrong then."""

    name: str
    sentence: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Rule:
    """A function with the codes it may find. It reports everything, not the first thing, and never raises."""

    codes: tuple[Code, ...]
    check: Callable[[ModuleFolder], Iterator[ModuleFinding]]
