"""The written pages do what they say: a reader with a new home types the commands of each `console` block, in order."""

from __future__ import annotations

import fnmatch
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
WRITTEN = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "docs" / "index.md", *sorted(ROOT.glob("*/README.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


@dataclass(frozen=True)
class Step:
    """A command and the lines a page shows below it; `…` stands for anything."""

    command: str
    shown: tuple[str, ...]


def steps(page: str) -> Iterator[Step]:
    for block in _BLOCK.findall(page):
        for chunk in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = chunk.splitlines()
            yield Step(command, tuple(line for line in shown if line.strip()))


@pytest.mark.processes
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_works_and_prints_what_the_page_shows(page: Path, reader) -> None:  # type: ignore[no-untyped-def]
    typed = list(steps(page.read_text(encoding="utf-8")))

    assert typed
    for step in typed:
        if step.command.startswith("curl ") and shutil.which("curl") is None:
            continue
        result = reader.types(step.command)
        assert result.returncode == 0, f"$ {step.command}\n{result.stdout}\n{result.stderr}"
        printed = (result.stdout + result.stderr).splitlines()
        for shown in step.shown:
            pattern = re.sub(r"([\[\]?*])", r"[\1]", shown).replace("…", "*")
            assert fnmatch.filter(printed, pattern), f"$ {step.command}\nshows no {shown!r} but\n" + "\n".join(printed)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    targets = [target for target, _ in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert missing == []


def test_every_page_of_the_guide_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")

    assert [page.name for page in PAGES if page.parent.name == "guide" and f"guide/{page.name}" not in index] == []
