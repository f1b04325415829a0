"""What a module's code declares, found out in a process of its own.

Importing a module runs its code. The process that does has no more than a time limit between it and the machine: check
only modules you would run, or leave their code out (`import_code=False`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from lumina_sdk.contract.inspection import Inspection

__all__ = ["inspect_module"]

_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "SYSTEMROOT")
_LONGEST_ANSWER = 1 << 20


def inspect_module(folder: Path, entrypoint: str, *, python: str = sys.executable, timeout_s: float = 30) -> Inspection:
    """Import `entrypoint` with the folder's `src` on the path, in a process that is ended after `timeout_s`.

    What the module prints goes nowhere, and of the environment it sees only what Python needs.
    """
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="lumina-check-") as scratch:
        answer = Path(scratch) / "answer.json"
        command = [python, "-P", "-m", "lumina_sdk.check.importing", str(folder / "src"), entrypoint, str(answer)]
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return Inspection(
                problem=f"importing {entrypoint.partition(':')[0]} took longer than {timeout_s:g} s",
                hint="Do nothing at import; open files and connections in a function under @module.lifespan.",
            )
        finally:
            # Also what the module started and left behind.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        try:
            with answer.open("rb") as file:
                return Inspection.model_validate_json(file.read(_LONGEST_ANSWER))
        except (OSError, ValidationError):
            return Inspection(
                problem=f"importing {entrypoint.partition(':')[0]} ended the process (exit code {code})",
                hint=f"Run `python -c 'import {entrypoint.partition(':')[0]}'` to see why.",
            )
