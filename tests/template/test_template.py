"""What the template writes is complete: the checker finds nothing, and its own tests pass, unedited."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumina_hub.cli.plugin.writing import VARIANTS
from lumina_sdk.check import check_module

DESCRIPTION = """It's "the" first: one, two & three."""


@pytest.fixture(params=VARIANTS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A new module's folder."""
    lumina = Path(sys.executable).with_name("lumina")
    options = ["--variant", request.param, "--description", DESCRIPTION, "--dir", str(tmp_path), "--no-input", "--json"]
    subprocess.run([lumina, "plugin", "init", "first-try", *options], check=True, capture_output=True, timeout=120)
    return tmp_path / "first-try"


@pytest.mark.processes
def test_what_the_template_writes_passes_the_checker_and_its_own_tests(written: Path) -> None:
    assert check_module(written).findings == ()

    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "LUMINA_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=written,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=written, check=True, timeout=60)
