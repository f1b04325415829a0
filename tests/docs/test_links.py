"""The written pages hang together: every link leads to a file and, where it names one, to a heading in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("sdk", "lumina-core", "hub", "modules", "templates", "ops", "graphs", "ui")
"""The folders of the layout that say what they hold."""

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("graphs/starter/*.md")]
)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


def prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The names a page's headings get where it is read: lower case, punctuation gone, dashes for spaces."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        plain = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        name, number = plain, 0
        while name in found:
            number += 1
            name = f"{plain}-{number}"
        found.add(name)
    return found


def broken(page: Path, *, root: Path = ROOT) -> list[str]:
    """The links of a page that lead nowhere, or out of the repository."""
    wrong = []
    for link in _LINK.findall(prose(page)):
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue
        file = (page.parent / target) if target else page
        is_known = file.exists() and root in (file.resolve(), *file.resolve().parents)
        if not is_known or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_to_a_missing_file_or_heading_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n\n[a](gone.md) [b](#here) [c](#there) [d](https://example.org/#x)\n", encoding="utf-8")

    assert broken(page, root=tmp_path.resolve()) == ["gone.md", "#there"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_the_layout_says_what_it_holds(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")

    assert text.startswith("# ")
    assert len(text.splitlines()) > 1


def test_every_decision_is_numbered_once_and_listed() -> None:
    folder = ROOT / "docs" / "adr"
    pages = sorted(page.name for page in folder.glob("[0-9]*.md"))
    listed = (folder / "README.md").read_text(encoding="utf-8")

    assert [page[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert [page for page in pages if f"({page})" not in listed] == []
