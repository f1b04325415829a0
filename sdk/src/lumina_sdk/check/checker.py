"""Running every rule over a module's folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from lumina_sdk.check.document import UnreadableDocument, read_document
from lumina_sdk.check.folder import MANIFEST, ModuleFolder
from lumina_sdk.check.inspection import inspect_module
from lumina_sdk.check.rules import RULES, UNREADABLE
from lumina_sdk.contract.finding import ModuleFinding, ModuleFindings, Severity
from lumina_sdk.contract.inspection import Inspection
from lumina_sdk.contract.manifest import ENTRYPOINT_PATTERN

__all__ = ["check_module"]

_ENTRYPOINT = re.compile(ENTRYPOINT_PATTERN)


def check_module(
    path: Path,
    *,
    taken: Mapping[str, str] | None = None,
    import_code: bool = True,
    python: str = sys.executable,
    timeout_s: float = 30,
) -> ModuleFindings:
    """Find everything that is wrong with the module in the folder `path`. What cannot be read is a finding too.

    Args:
        path: The module's folder; a manifest's own path will do too.
        taken: Paths that are others' already, as templates, each with who has it: `{"/api/v1/search": "the core"}`.
        import_code: Import the entry point, in a process of its own, and compare it with the manifest. Importing runs
            the module's code.
        python: The interpreter to import it with, which must have `lumina_sdk`; a module with an environment of its own
            is checked with that environment's.
        timeout_s: How long the import may take.
    """
    folder = (path.parent if path.name == MANIFEST else path).resolve()
    try:
        document = read_document(folder / MANIFEST)
    except UnreadableDocument as error:
        finding = ModuleFinding(
            code=UNREADABLE.name,
            severity=UNREADABLE.severity,
            path=MANIFEST,
            line=error.line,
            message=error.message[:1].upper() + error.message[1:] + ".",
            hint=error.hint,
        )
        return ModuleFindings(module=folder.name, findings=(finding,))
    entrypoint = document.at("entrypoint")
    inspection: Inspection | None = None
    if import_code and isinstance(entrypoint, str) and _ENTRYPOINT.fullmatch(entrypoint):
        inspection = inspect_module(folder, entrypoint, python=python, timeout_s=timeout_s)
    module = ModuleFolder(folder, document, inspection, dict(taken or {}))
    findings = [finding for rule in RULES for finding in rule.check(module)]
    return ModuleFindings(module=module.name, findings=tuple(sorted(findings, key=_order)))


def _order(finding: ModuleFinding) -> tuple[bool, bool, str, int, str]:
    """Errors first; the manifest before other files; by line."""
    warning = finding.severity is Severity.WARNING
    return warning, finding.path != MANIFEST, finding.path, finding.line or 0, finding.code
