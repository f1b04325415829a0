"""The installed command, as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lumina_hub.home import Home

Lumina = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    "arguments", [["--help"], ["graph", "--help"], ["ask", "--help"], ["eval", "retrieval", "--help"]]
)
def test_help_needs_nothing_and_ends_well(lumina: Lumina, arguments: list[str]) -> None:
    result = lumina(*arguments)

    assert result.returncode == 0
    assert "--home" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "numpy onnxruntime fastapi uvicorn qdrant_edge redis httpx".split()
    code = f"import sys; from lumina_hub.cli.commands import app; print([m for m in {heavy!r} if m in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["ask", "--no-such-option"],
        ["search"],
        ["search", "x", "--limit", "0"],
        ["ingest", "/no/such/dump.xml.bz2"],
        ["eval", "retrieval", "--squad", "/no/such/file.json"],
        ["eval", "memory", "/no/such/file.jsonl"],
        ["status", "--port", "99999"],
        ["up", "--host", "0.0.0.0"],  # noqa: S104 - refused
    ],
)
def test_being_asked_wrongly_ends_with_2_and_a_sentence(lumina: Lumina, tmp_path: Path, arguments: list[str]) -> None:
    result = lumina(*arguments, "--home", tmp_path / "home")

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr


def test_a_misspelt_setting_is_named_with_the_right_one(lumina: Lumina, tmp_path: Path) -> None:
    result = lumina("status", "--home", tmp_path, LUMINA_PROT="1")

    assert result.returncode == 2
    assert "LUMINA_PORT" in result.stderr


def test_status_without_a_hub_is_1_and_makes_no_home(lumina: Lumina, tmp_path: Path) -> None:
    result = lumina("status", "--json", "--home", tmp_path / "home")

    assert result.returncode == 1
    assert json.loads(result.stdout) == {"running": False, "home": str(tmp_path / "home"), "locked": False}
    assert not (tmp_path / "home").exists()


def test_a_held_home_is_refused_by_name(lumina: Lumina, tmp_path: Path) -> None:
    with Home.open(tmp_path / "home").lock(now=0.0):
        result = lumina("up", "--port", "0", "--home", tmp_path / "home")

    assert result.returncode == 1
    assert f"process {os.getpid()}" in result.stderr
    assert "Traceback" not in result.stderr


def test_config_shows_every_setting_with_its_source_and_no_secret(lumina: Lumina, tmp_path: Path) -> None:
    result = lumina(
        "config", "--json", "--home", tmp_path, RECALL_TOP_K="7", LUMINA_REDIS_URL="redis://:hidden@127.0.0.1"
    )

    rows = {row["name"]: row for row in json.loads(result.stdout)["settings"]}
    assert result.returncode == 0
    assert (rows["home"]["source"], rows["home"]["value"]) == ("flag", str(tmp_path))
    assert (rows["recall_top_k"]["from"], rows["recall_top_k"]["value"]) == ("RECALL_TOP_K", "7")
    assert rows["port"]["source"] == "default"
    assert all(row["sentence"] for row in rows.values())
    assert "hidden" not in result.stdout


def test_version_names_the_three_distributions(lumina: Lumina) -> None:
    assert set(json.loads(lumina("version", "--json").stdout)) == {"lumina-hub", "lumina-core", "lumina-sdk"}


def test_doctor_reports_each_check_and_fails_when_one_does(lumina: Lumina, tmp_path: Path) -> None:
    well = lumina("doctor", "--json", "--home", tmp_path / "home", "--port", "0")
    (tmp_path / "file").touch()
    ill = lumina("doctor", "--json", "--home", tmp_path / "file", "--port", "0")

    report = json.loads(well.stdout)
    assert (well.returncode, report["healthy"]) == (0, True)
    assert {check["state"] for check in report["checks"]} <= {"ok", "warn"}
    assert (ill.returncode, json.loads(ill.stdout)["healthy"]) == (1, False)
