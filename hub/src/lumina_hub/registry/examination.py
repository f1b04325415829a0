"""Looking at a module's manifest, and at nothing that would run its code."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lumina_hub.registry.discovery import MANIFEST, Found
from lumina_sdk.check import check_module
from lumina_sdk.check.document import UnreadableDocument, read_document
from lumina_sdk.contract import ModuleFinding, ModuleOrigin, Severity
from lumina_sdk.contract.manifest import Manifest

__all__ = ["Examined", "examine"]


@dataclass(frozen=True, slots=True)
class Examined:
    """What was seen: the manifest, None where it cannot be used, and everything the checker found."""

    manifest: Manifest | None
    findings: tuple[ModuleFinding, ...] = ()

    @property
    def errors(self) -> tuple[ModuleFinding, ...]:
        """The findings that keep the module from running."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


def examine(found: Found, taken: Mapping[str, str]) -> Examined:
    """Read and check a module. One whose source is here is checked whole, of any other the manifest is all there is.

    Args:
        found: Where it is.
        taken: Paths that are others' already, each with who has it.
    """
    if found.folder is not None and found.folder.name == found.slug:
        return _examined(found.folder, taken)
    with tempfile.TemporaryDirectory(prefix="lumina-module-") as scratch:
        folder = Path(scratch) / found.slug  # as the checker expects it: a folder of the module's name
        folder.mkdir()
        if found.text is not None:
            (folder / MANIFEST).write_text(found.text, encoding="utf-8")
        elif found.manifest is not None and found.manifest.is_file():
            shutil.copyfile(found.manifest, folder / MANIFEST)
        examined = _examined(folder, taken)
    if found.origin is ModuleOrigin.FOLDER:
        return examined
    return Examined(examined.manifest, tuple(it for it in examined.findings if it.path == MANIFEST))


def _examined(folder: Path, taken: Mapping[str, str]) -> Examined:
    findings = check_module(folder, taken=taken, import_code=False).findings
    try:
        return Examined(Manifest.model_validate(read_document(folder / MANIFEST).data), findings)
    except (UnreadableDocument, ValidationError):
        return Examined(None, findings)
