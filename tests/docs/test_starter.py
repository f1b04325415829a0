"""What Lumina knows from its first start: its own documentation, under `graphs/starter/`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "graphs" / "starter"
ARTICLES = sorted(STARTER.glob("*.md"))

Ask = Callable[[str], dict[str, "object"]]

QUESTIONS = {
    "What is Lumina?": "knowledge base",
    "How do I ingest a Wikipedia dump?": "lumina ingest",
    "Where is my data stored?": "one directory",
    "What happens when Lumina does not know?": "abstains",
    "How do I start Lumina?": "make run",
    "How do I stop Lumina?": "Ctrl-C",
    "Which port does Lumina listen on?": "8000",
    "What is the owner token?": "secret",
    "What is a recovery point?": "name for the state",
    "How do I back up Lumina?": "graphs",
    "What does the confidence of an answer mean?": "probability",
    "Which embedding model does Lumina use?": "MiniLM",
    "What is a turn?": "question",
    "Does Lumina send usage data to anyone?": "no usage data",
    "How do I see every setting?": "lumina config",
}


def test_every_article_has_one_title_and_no_two_share_it() -> None:
    titles = [re.findall(r"^# (.+)$", article.read_text(encoding="utf-8"), re.MULTILINE) for article in ARTICLES]

    assert len(ARTICLES) >= 10
    assert all(len(title) == 1 for title in titles)
    assert len({title[0] for title in titles}) == len(titles)


def test_every_command_an_article_names_is_a_command() -> None:
    from typer.main import get_command

    from lumina_hub.cli.commands import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = {
        word for article in ARTICLES for word in re.findall(r"`lumina ([a-z]+)", article.read_text(encoding="utf-8"))
    }

    assert named <= known


def test_the_articles_are_in_the_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index", "-w"]

    subprocess.run([*command, tmp_path, ROOT / "hub"], check=True, env={**os.environ, "PYTHONWARNINGS": ""})

    (wheel,) = tmp_path.glob("lumina_hub-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"lumina_hub/starter/{article.name}" for article in ARTICLES} <= names


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Ask]:
    """Ask a hub that was started for the first time."""
    home = tmp_path_factory.mktemp("home")
    executable = Path(sys.executable).with_name("lumina")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LUMINA_")}
    hub = subprocess.Popen(
        [executable, "up", "--json", "--port", "0", "--home", home],
        env={**environment, "LUMINA_MODELS": str(models)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert hub.stdout is not None
    try:
        address = json.loads(hub.stdout.readline())
        # An ingest ends when all that was learnt before it can be found as well.
        notes = tmp_path_factory.mktemp("notes")
        (notes / "tea.md").write_text("# Tea\n\nTea is a drink.\n")
        subprocess.run([executable, "ingest", notes, "--home", home], check=True, capture_output=True, timeout=300)
        token = (home / "owner.token").read_text().strip()
        with httpx.Client(base_url=address["url"], headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:

            def ask(question: str) -> dict[str, object]:
                answer: dict[str, object] = (
                    client.post("/api/v1/chat", json={"query": question}).raise_for_status().json()
                )
                return answer

            yield ask
    finally:
        hub.terminate()
        hub.communicate(timeout=60)


@pytest.mark.processes
@pytest.mark.parametrize(("question", "words"), QUESTIONS.items(), ids=lambda value: value.replace(" ", "-"))
def test_a_plain_question_is_answered_with_a_citation_on_the_first_day(ask: Ask, question: str, words: str) -> None:
    answer = ask(question)

    assert words in str(answer["answer"])
    assert answer["outcome"] != "abstained"
    assert answer["citations"]


@pytest.mark.processes
@pytest.mark.parametrize("question", ["Who won the 2022 World Cup?", "What is the boiling point of tungsten?"])
def test_what_the_documentation_does_not_hold_is_not_answered(ask: Ask, question: str) -> None:
    assert ask(question)["outcome"] == "abstained"
