"""A reader of the guide: a home folder with the files its commands name, a shell, and a hub where one is started."""

from __future__ import annotations

import bz2
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BOUND_S = 180

_NOTES = {
    "alabama.md": (
        "# Alabama\n\nAlabama is a state in the southeastern region of the United States.\n\n"
        "## Cities\n\nThe capital of Alabama is Montgomery. The largest city of Alabama by population is Birmingham.\n"
    ),
    "anarchism.txt": (
        "Anarchism\n\nAnarchism is a political philosophy that advocates self-governed societies based on voluntary "
        "institutions.\n"
    ),
    "tea.html": (
        "<!doctype html><html><head><title>Tea</title></head><body><article><h1>Tea</h1><p>Tea is a drink made by "
        "pouring hot water over cured leaves of Camellia sinensis, a shrub native to East Asia. After water, it is the "
        "most widely consumed drink in the world.</p></article></body></html>"
    ),
}

_DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">
<siteinfo><sitename>Wikipedia</sitename><dbname>enwiki</dbname><base>https://en.wikipedia.org/wiki/Main_Page</base>
<namespaces><namespace key="0" case="first-letter" /></namespaces></siteinfo>
<page><title>Mercury (planet)</title><ns>0</ns><id>1</id>
<revision><id>11</id><timestamp>2016-01-01T00:00:00Z</timestamp>
<text>'''Mercury''' is the smallest planet in the [[Solar System]].
It orbits the [[Sun]] in 88 days.</text></revision></page>
<page><title>Smallest planet</title><ns>0</ns><id>2</id><redirect title="Mercury (planet)" /><revision><id>12</id>
<timestamp>2016-01-01T00:00:00Z</timestamp><text>#REDIRECT [[Mercury (planet)]]</text></revision></page>
</mediawiki>
"""


def _questions() -> dict[str, object]:
    """A SQuAD file small enough for a test: ten paragraphs, one answerable question each, two that are not."""
    rivers = ["Aare", "Birs", "Doubs", "Emme", "Inn", "Kander", "Limmat", "Reuss", "Thur", "Töss"]
    paragraphs = []
    for number, river in enumerate(rivers):
        context = f"The {river} is a river in Switzerland. The {river} is {100 + number} kilometres long. It has fish."
        answer = f"{100 + number} kilometres"
        qas: list[dict[str, object]] = [
            {
                "id": f"a{number}",
                "question": f"How long is the {river}?",
                "answers": [{"text": answer, "answer_start": context.index(answer)}],
                "is_impossible": False,
            }
        ]
        if number < 2:
            question = f"Who built the first bridge over the {river}?"
            qas.append({"id": f"i{number}", "question": question, "answers": [], "is_impossible": True})
        paragraphs.append({"context": context, "qas": qas})
    halves = (paragraphs[:5], paragraphs[5:])
    return {"version": "v2.0", "data": [{"title": f"Rivers {n}", "paragraphs": half} for n, half in enumerate(halves)]}


_DIALOGUE = {
    "turns": [
        {"id": "t1", "session": "s1", "ts": 1700000000, "speaker": "Ann", "text": "I moved to Lisbon last spring."},
        {"id": "t2", "session": "s1", "ts": 1700000060, "speaker": "Bob", "text": "My sister plays the cello."},
        {"id": "t3", "session": "s2", "ts": 1700086400, "speaker": "Ann", "text": "The dentist is on Tuesday."},
    ],
    "questions": [{"question": "Where did Ann move to?", "evidence": ["t1"]}],
}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every home of these tests keeps the converted model, so that it is converted once."""
    return tmp_path_factory.getbasetemp().parent / "lumina-models"


@dataclass
class Reader:
    """Someone at a shell who types what the guide says."""

    folder: Path
    environment: dict[str, str]
    port: int
    hub: subprocess.Popen[bytes] | None = field(default=None)

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one command; `lumina up` is left running and waited for."""
        command = command.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        if command == "lumina up":
            self._start_hub()
            return subprocess.CompletedProcess(command, 0, "", "")
        return subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_BOUND_S,
            check=False,
        )

    def _start_hub(self) -> None:
        self.hub = subprocess.Popen(
            [Path(sys.executable).with_name("lumina"), "up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.hub.stdout is not None
        deadline = time.monotonic() + _BOUND_S
        for line in self.hub.stdout:
            if b"is ready at" in line:
                return
            assert time.monotonic() < deadline, "the hub did not become ready"
        pytest.fail(f"the hub ended with {self.hub.wait()} before it was ready")

    def leaves(self) -> None:
        """Stop the hub, if one was started."""
        if self.hub is None:
            return
        self.hub.send_signal(signal.SIGTERM)
        try:
            self.hub.communicate(timeout=_BOUND_S)
        except subprocess.TimeoutExpired:
            self.hub.kill()
            raise


@pytest.fixture
def reader(tmp_path: Path, models: Path) -> Iterator[Reader]:
    notes = tmp_path / "notes"
    notes.mkdir()
    for name, text in _NOTES.items():
        (notes / name).write_text(text, encoding="utf-8")
    (tmp_path / "enwiki-latest-pages-articles.xml.bz2").write_bytes(bz2.compress(_DUMP.encode()))
    (tmp_path / "questions.json").write_text(json.dumps(_questions()), encoding="utf-8")
    (tmp_path / "dialogues.jsonl").write_text(json.dumps(_DIALOGUE) + "\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LUMINA_")},
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LUMINA_PORT": str(port),
        "LUMINA_MODELS": str(models),
        "COLUMNS": "200",
    }
    here = Reader(tmp_path, environment, port)
    yield here
    here.leaves()
