"""The command and a real hub: one that runs, and one the command starts itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.processes

LUMINA = Path(sys.executable).with_name("lumina")
Lumina = Callable[..., "subprocess.CompletedProcess[str]"]
_BOUND_S = 240


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LUMINA_")}
    models = tmp_path_factory.getbasetemp().parent / "lumina-models"
    return {**clean, "LUMINA_MODELS": str(models), "COLUMNS": "200"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(environment: dict[str, str], home: Path) -> Lumina:
    def run(*arguments: object, at: Path = home, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(LUMINA), *map(str, arguments), "--home", str(at)]
        fed: dict[str, Any] = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_BOUND_S, check=False, **fed
        )

    return run


@pytest.fixture(scope="module")
def running(
    environment: dict[str, str], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """A hub that serves the module's home and knows two villages; what it said of itself when it was ready."""
    hub = subprocess.Popen(
        [LUMINA, "up", "--json", "--port", "0", "--home", home],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert hub.stdout is not None
    try:
        said = json.loads(hub.stdout.readline())
        villages = dump(tmp_path_factory.mktemp("source") / "villages.xml", 2)
        ingest = [str(LUMINA), "ingest", str(villages), "--home", str(home)]
        subprocess.run(ingest, env=environment, capture_output=True, timeout=_BOUND_S, check=True)
        yield said
    finally:
        hub.terminate()
        hub.communicate(timeout=_BOUND_S)


def dump(path: Path, articles: int) -> Path:
    """A MediaWiki dump of made-up villages, each with a number of its own."""
    pages = "\n".join(
        f"<page><title>Village {n}</title><ns>0</ns><id>{n}</id><revision><id>{n}</id>"
        f"<timestamp>2016-01-01T00:00:00Z</timestamp><text>'''Village {n}''' is a village. "
        f"It has {n} wells and a market on [[Monday]].</text></revision></page>"
        for n in range(1, articles + 1)
    )
    head = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">'
    path.write_text(f"{head}\n<siteinfo><sitename>Villages</sitename></siteinfo>\n{pages}\n</mediawiki>\n")
    return path


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_question_is_answered_without_a_hub(run: Lumina, tmp_path: Path) -> None:
    run("ingest", dump(tmp_path / "villages.xml", 3), at=tmp_path / "home")

    result = run("ask", "How many wells has Village 3?", "--json", at=tmp_path / "home")

    answer = json.loads(result.stdout)
    assert result.returncode == 0
    assert "It has 3 wells" in answer["answer"]
    assert answer["citations"][0]["title"] == "Village 3"
    assert not (tmp_path / "home" / "hub.json").exists()


def test_a_question_is_answered_by_the_running_hub(run: Lumina, running: dict[str, Any]) -> None:
    result = run("ask", "How many wells has Village 2?")

    assert result.returncode == 0
    assert "It has 2 wells" in result.stdout
    assert "[1] Village 2" in result.stdout
    assert "confidence" in result.stdout
    assert result.stderr == ""


def test_a_second_hub_on_the_home_is_refused_and_told_who_holds_it(run: Lumina, running: dict[str, Any]) -> None:
    elsewhere = run("up", "--port", "0")
    same_port = run("up", "--port", running["url"].rsplit(":", 1)[1])

    for refused in (elsewhere, same_port):
        assert refused.returncode == 1
        assert f"process {running['pid']}" in refused.stderr
        assert running["url"] in refused.stderr
        assert "Traceback" not in refused.stderr


def test_status_shows_the_running_hub(run: Lumina, running: dict[str, Any]) -> None:
    plain, raw = run("status"), run("status", "--json")

    assert plain.returncode == raw.returncode == 0
    assert running["url"] in plain.stdout
    assert json.loads(raw.stdout)["articles"] > 0


def test_doctor_knows_the_running_hub(run: Lumina, running: dict[str, Any]) -> None:
    result = run("doctor", "--json", "--port", running["url"].rsplit(":", 1)[1])

    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert f"process {running['pid']}" in checks["lock"]["finding"]
    assert checks["port"]["state"] == "ok"


def test_every_json_answer_is_pure(run: Lumina, running: dict[str, Any], tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "tea.md").write_text("# Tea\n\nTea is a drink made of the leaves of a shrub.\n")
    (notes / "empty.md").write_text("")

    for command in (
        ["ingest", notes],
        ["search", "tea"],
        ["ask", "Who won the 2022 World Cup?"],
        ["graph", "log"],
        ["graph", "show", "Tea"],
        ["graph", "save", "before"],
        ["graph", "points"],
        ["graph", "restore", "before"],
        ["graph", "export"],
        ["reindex"],
        ["config"],
        ["version"],
    ):
        result = run(*command, "--json")
        assert result.returncode == 0, (command, result.stderr)
        assert json.loads(result.stdout), command


@pytest.mark.parametrize("question", ["", "   ", "x" * 1_000_000])
def test_a_question_that_is_none_is_misuse(run: Lumina, running: dict[str, Any], question: str) -> None:
    result = run("ask", text=question) if len(question) > 1000 else run("ask", question)

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("lumina: ")
    assert "Traceback" not in result.stderr


def test_a_file_that_is_no_dump_is_refused_with_a_sentence(
    run: Lumina, running: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "picture.xml.bz2").write_bytes(os.urandom(5000))

    result = run("ingest", tmp_path / "picture.xml.bz2")

    assert result.returncode in {1, 2}
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_article_is_a_failure(run: Lumina, running: dict[str, Any]) -> None:
    assert run("graph", "show", "art_ffffffffffff").returncode == 1


def test_an_ingest_that_is_stopped_goes_on_where_it_was(
    run: Lumina, environment: dict[str, str], tmp_path: Path
) -> None:
    home, source, total = tmp_path / "home", dump(tmp_path / "villages.xml", 600), 600
    run("ask", "What is Lumina?", at=home)
    first = subprocess.Popen(
        ["/usr/bin/env", "--default-signal=INT", LUMINA, "ingest", source, "--home", home],  # as a terminal starts it
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert first.stderr is not None
    line = first.stderr.readline()
    assert line.startswith("Reading"), line
    family = children_of(first.pid)
    os.killpg(first.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    out, err = first.communicate(timeout=_BOUND_S)

    assert first.returncode == 130, err
    assert "What was read is kept" in err
    assert f"lumina ingest {source}" in err
    assert "Traceback" not in err
    assert out == ""
    assert psutil.wait_procs(family, timeout=_BOUND_S)[1] == []

    second = run("ingest", source, "--json", at=home)

    job = json.loads(second.stdout)
    assert second.returncode == 0, second.stderr
    assert job["articles"] + job["unchanged"] == total
    found = json.loads(run("search", "How many wells has Village 600?", "--json", at=home).stdout)["hits"]
    assert found[0]["title"] == "Village 600"
