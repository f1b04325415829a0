"""The suite modules inherit, and the fixtures they get, in a test run of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TESTS = """\
from pathlib import Path

from lumina_almanac.app import module
from lumina_sdk.testing.conformance import ModuleConformance


class TestConformance(ModuleConformance):
    folder = Path(__file__).parents[1]


async def test_a_day(run_module, fake_hub):
    async with run_module(module) as running, running.client() as client:
        assert (await client.get("/api/v1/almanac/3")).json() == "day 3"
    assert fake_hub.requests == []
"""


def run(root: Path) -> subprocess.CompletedProcess[str]:
    (root / "tests/test_app.py").write_text(TESTS)
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        "-o",
        "pythonpath=src",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        "--rootdir",
        str(root),
    ]
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", *options, "tests"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_good_module_passes(folder: Callable[..., Path]) -> None:
    result = run(folder())

    assert "8 passed" in result.stdout, result.stdout
    assert result.returncode == 0


def test_a_module_whose_code_and_manifest_differ_does_not(folder: Callable[..., Path]) -> None:
    result = run(
        folder('GET", "/api/v1/almanac/{day}', 'GET", "/api/v1/almanac/{day}/more', file="src/lumina_almanac/app.py")
    )

    failed = {
        line.partition("::")[2].partition(" ")[0] for line in result.stdout.splitlines() if line.startswith("FAILED")
    }
    assert "TestConformance::test_the_checker_finds_nothing" in failed
    assert "TestConformance::test_every_endpoint_is_described" in failed
