"""Making virtual environments and running pip, in processes of their own that give way to others."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from lumina_core.errors import StorageFull
from lumina_hub.errors import InstallationFailed

__all__ = ["Report", "build_wheel", "install", "make_environment", "python_of"]

Report = Callable[[str], None]
"""Is told what is being done, a line at a time."""

_NICENESS = 10
_SHOWN_LINES = 12
_LONGEST_LINE = 1 << 20
_NO_SPACE = ("No space left on device", "Errno 28", "Disk quota exceeded")
_NOT_FOUND = ("No matching distribution found", "Could not find a version that satisfies")


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / "bin" / "python"


async def make_environment(where: Path, report: Report) -> None:
    """Make an empty virtual environment of the hub's own Python, without pip: the hub's fills it.

    Raises:
        StorageFull: the disk is full.
        InstallationFailed: it cannot be made.
    """
    report(f"Making the environment {where.name}")
    await _run([sys.executable, "-m", "venv", "--without-pip", str(where)], report)


async def build_wheel(source: str, into: Path, wheels: Path, report: Report) -> Path:
    """Turn a folder, a wheel's path or a requirement into a wheel. A folder is built, which runs its code.

    Args:
        source: As pip understands it.
        into: An empty directory for the wheel.
        wheels: A directory of wheels to be used before any index is asked.
        report: Is told what pip says.

    Raises:
        StorageFull: the disk is full.
        InstallationFailed: there is no such package, or it cannot be built.
    """
    report(f"Building {source}")
    await _pip(["wheel", "--no-deps", "--wheel-dir", str(into), source], wheels, report)
    return await asyncio.to_thread(lambda: next(into.glob("*.whl")))


async def install(requirements: list[str], environment: Path, wheels: Path, report: Report) -> None:
    """Install into a virtual environment what is named and all it needs.

    Raises:
        StorageFull: the disk is full.
        InstallationFailed: something is not to be had, or does not go together.
    """
    report("Installing what it needs")
    await _pip(["--python", str(python_of(environment)), "install", *requirements], wheels, report)


async def _pip(arguments: list[str], wheels: Path, report: Report) -> None:
    """Run the hub's pip: first with what is here, and where that is not enough with the index too."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *arguments]
    local = ["--progress-bar", "off", "--find-links", str(wheels)]
    try:
        await _run([*command, *local, "--no-index"], report)
    except InstallationFailed as failure:
        if not any(sign in failure.said for sign in _NOT_FOUND):
            raise
        report("Not everything is here; asking the package index")
        await _run([*command, *local], report)


async def _run(command: list[str], report: Report) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LUMINA_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env=environment,  # what configures pip, and nothing that is ours to keep
        start_new_session=True,
        limit=_LONGEST_LINE,
    )
    with suppress(psutil.Error):
        psutil.Process(process.pid).nice(_NICENESS)
    try:
        said = await _follow(process, report)
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code == 0:
        return
    text = "\n".join(said)
    if any(sign in text for sign in _NO_SPACE):
        raise StorageFull("the disk is full: nothing was installed", hint="Free some space and try again.")
    raise InstallationFailed(text or f"{command[2]} ended with {code}")


async def _follow(process: Process, report: Report) -> deque[str]:
    said: deque[str] = deque(maxlen=_SHOWN_LINES)
    assert process.stdout is not None  # noqa: S101 - asked for above
    async for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        if text:
            said.append(text)
            report(text)
    return said
