"""`lumina plugin validate` and `lumina plugin test`: a module in its folder, without a hub."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from rich.markup import escape

from lumina_hub.cli.failures import FAILED, MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, note, print_json
from lumina_hub.cli.progress import waiting
from lumina_hub.errors import InstallationFailed
from lumina_hub.registry.installing import PACKED
from lumina_hub.registry.pip import install, make_environment, python_of
from lumina_hub.registry.wheels import pack_installed
from lumina_sdk.check import check_module
from lumina_sdk.contract import ModuleFindings, Severity

__all__ = ["check", "module_folder", "show_findings", "test", "validate"]

_ENVIRONMENT = ".venv"
_READY = ".lumina-ready"


def validate(said: Globals, path: Path, *, import_code: bool) -> int:
    """Show everything that is wrong; exit status 1 if something keeps the module from running."""
    found = check(module_folder(path), import_code=import_code)
    if said.json:
        print_json({**found.model_dump(mode="json"), "ok": found.ok})
    else:
        show_findings(found)
    return 0 if found.ok else FAILED


def check(folder: Path, *, import_code: bool = True) -> ModuleFindings:
    """Check a module with its own environment's Python, where it has one."""
    own = python_of(folder / _ENVIRONMENT)
    return check_module(folder, import_code=import_code, python=str(own if own.exists() else sys.executable))


def show_findings(found: ModuleFindings) -> None:
    for finding in found.findings:
        colour = "red" if finding.severity is Severity.ERROR else "yellow"
        place = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
        data().print(f"{escape(place)}: [{colour}]{finding.severity.value}[/] {escape(finding.message)}")
        data().print(f"  [dim]{escape(finding.hint)} ({finding.code})[/]")
    errors = sum(finding.severity is Severity.ERROR for finding in found.findings)
    if not found.findings:
        data().print(f"{found.module}: everything is as it should be.", markup=False)
    else:
        data().print(f"{found.module}: {_count(errors, 'error')}, {_count(len(found.findings) - errors, 'warning')}.")


async def test(said: Globals, path: Path, arguments: list[str]) -> int:
    """Run a module's tests in the environment in its folder, which is made first where it is missing or outdated."""
    folder = module_folder(path)
    environment = folder / _ENVIRONMENT
    await _prepare(folder, environment)
    # With --json nothing but the document belongs on stdout.
    command = [str(python_of(environment)), "-m", "pytest", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=sys.stderr if said.json else None)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if said.json:
        print_json({"module": folder.name, "ok": code == 0, "exit_status": code})
    return 0 if code == 0 else FAILED


def module_folder(path: Path) -> Path:
    """The folder of a module. Raises `Failure` where there is none."""
    folder = path.expanduser().resolve()
    if not folder.is_dir():
        raise Failure(f"There is no folder {str(path)!r}.", hint="Give the module's folder.", status=MISUSED)
    return folder


async def _prepare(folder: Path, environment: Path) -> None:
    project = folder / "pyproject.toml"
    if not project.is_file():
        raise Failure(f"{folder} has no pyproject.toml.", hint="`lumina plugin init` writes one.", status=MISUSED)
    stamp = environment / _READY
    want = hashlib.sha256(project.read_bytes() + version("lumina-sdk").encode()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == want:
        return
    note(f"Making {environment} (once; again when pyproject.toml changes) …")
    said: list[str] = []
    try:
        with tempfile.TemporaryDirectory() as wheels, waiting("Installing"):
            if not python_of(environment).exists():
                await make_environment(environment, said.append)
            await asyncio.to_thread(pack_installed, PACKED, Path(wheels))
            await install(["-e", f"{folder}[test]"], environment, Path(wheels), said.append)
    except (InstallationFailed, subprocess.SubprocessError) as error:
        note("\n".join(said[-15:]))
        raise Failure(str(error), hint="The lines above are pip's.") from error
    stamp.write_text(want, encoding="ascii")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
