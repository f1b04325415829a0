"""The module as a Python distribution. One that runs elsewhere needs none of this."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.version import InvalidVersion, Version

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding, Severity

__all__ = ["RULE"]

MISSING = Code("no-pyproject", "There is no `pyproject.toml` that can be read, so the module cannot be installed.")
VERSION = Code("version-differs", "`pyproject.toml` and the manifest give different versions.")
ENTRY = Code(
    "no-entry-point", "The distribution has no `lumina.modules` entry point, so it is not found once installed."
)
TYPED = Code("no-py-typed", "The package has no `py.typed`, so type checkers ignore its types.", Severity.WARNING)
TESTS = Code("no-tests", "The module has no tests.", Severity.WARNING)

_FILE = "pyproject.toml"


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    entrypoint = module.document.at("entrypoint")
    if not isinstance(entrypoint, str):
        return
    try:
        project = tomllib.loads((module.path / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = "there is no pyproject.toml" if isinstance(error, FileNotFoundError) else f"pyproject.toml: {error}"
        yield module.finding_in(MISSING, _FILE, None, why, "Write one, as `lumina plugin init` does.")
    else:
        yield from _declarations(module, project.get("project", {}))
    package = entrypoint.partition(":")[0].partition(".")[0]
    source = module.path / "src" / package
    if source.is_dir() and not (source / "py.typed").is_file():
        yield module.finding_in(
            TYPED, f"src/{package}/py.typed", None, "the package is not marked as typed", "Add an empty file py.typed."
        )
    if not any((module.path / "tests").glob("**/test_*.py")):
        yield module.finding_in(
            TESTS, "tests", None, "there are no tests", "Add tests/test_<what>.py; lumina_sdk.testing helps."
        )


def _declarations(module: ModuleFolder, project: dict[str, Any]) -> Iterator[ModuleFinding]:
    theirs, ours = project.get("version"), module.document.at("version")
    sound = isinstance(ours, str) and not any(error["loc"] == ("version",) for error in module.errors)
    if sound and "version" not in project.get("dynamic", ()) and not _same(str(theirs), ours):
        yield module.finding_in(
            VERSION,
            _FILE,
            _line(module, "version"),
            f"pyproject.toml has the version {theirs!r}, the manifest {ours!r}",
            "Give both the same one.",
        )
    points = project.get("entry-points", {}).get("lumina.modules", {})
    if points.get(module.name) != module.document.at("entrypoint"):
        yield module.finding_in(
            ENTRY,
            _FILE,
            None,
            f"there is no entry point {module.name!r} of the manifest's in the group 'lumina.modules'",
            f'Add [project.entry-points."lumina.modules"] with {module.name} = "{module.document.at("entrypoint")}".',
        )


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _line(module: ModuleFolder, key: str) -> int | None:
    lines = (module.path / _FILE).read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if line.split("=")[0].strip() == key), None)


RULE = Rule((MISSING, VERSION, ENTRY, TYPED, TESTS), check)
