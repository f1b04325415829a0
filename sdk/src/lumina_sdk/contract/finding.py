"""What the module checker found."""

from __future__ import annotations

from enum import StrEnum

from lumina_sdk.contract._model import WireModel

__all__ = ["ModuleFinding", "ModuleFindings", "Severity"]


class Severity(StrEnum):
    """Whether a finding keeps a module from running (`error`), or only deserves a look (`warning`)."""

    ERROR = "error"
    WARNING = "warning"


class ModuleFinding(WireModel):
    """One thing that is wrong with a module. `code` names the rule, `path` is relative to the module's folder.

    `line` is counted from 1, None where it is about a whole file. `hint` says what to do.
    """

    code: str
    severity: Severity
    path: str
    line: int | None
    message: str
    hint: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.severity}: {self.message} [{self.code}] {self.hint}"


class ModuleFindings(WireModel):
    """Everything the checker found: errors first, then by place."""

    module: str
    findings: tuple[ModuleFinding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the module may run: there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)
