from __future__ import annotations

import os

import pytest

from lumina_core.documents import Article, article_id
from lumina_core.errors import UnreadableSource
from lumina_core.ingest.folder import Folder
from lumina_core.ingest.source import Skipped, Unchanged

MARKDOWN = """---
title: "The Guide"
tags: [one, two]
---
# Heading in the file

First *paragraph* with `code` and a [link](sub/other.md#part), and
a second line with ![an image](x.png).

- item **one**
- item two
  - nested

## Second

| Name | Age |
| --- | --- |
| Ada | 36 |

```sh
# not a heading
make run
```

> Quoted [[Notes|my notes]].
"""


def read(folder):
    return {item.title: item for item in folder.items()}


def test_markdown_becomes_sections_links_and_plain_words(tmp_path):
    (tmp_path / "guide.md").write_text(MARKDOWN, encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.md").write_text("# The other one\n\nText.\n")

    guide = read(Folder(tmp_path, name="docs"))["The Guide"]

    assert isinstance(guide, Article)
    assert guide.id == article_id("docs", "guide.md")
    assert guide.source == "docs"
    assert guide.url == (tmp_path / "guide.md").as_uri()
    assert guide.categories == ("one", "two")
    assert guide.links == ("The other one", "Notes")
    assert [(section.heading, section.level) for section in guide.sections] == [
        ("Heading in the file", 1),
        ("Second", 2),
    ]
    assert guide.text == (
        "Heading in the file\n\nFirst paragraph with code and a link, and a second line with .\n\n"
        "item one\nitem two\nnested\n\nSecond\n\nName: Ada; Age: 36.\n\n# not a heading\nmake run\n\nQuoted my notes."
    )


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", "Setext title\n===\n\nText", "Setext title"),
        ("b-file.md", "Only text", "B-file"),
        ("c.md", "```\n# code\n```\n\n# Real [title](x)\n\nText", "Real title"),
        ("d.html", "<title>From title</title><p>Text of the page.", "From title"),
        ("e.html", "<title>T</title><h1>From <b>h1</b></h1><p>Text of the page.", "From h1"),
        ("notes_2024.txt", "Text", "Notes 2024"),
    ],
)
def test_the_title_is_the_front_matters_the_first_headings_or_the_files(tmp_path, name, content, title):
    (tmp_path / name).write_text(content)

    assert list(read(Folder(tmp_path))) == [title]


def test_a_first_heading_that_is_the_title_is_not_repeated(tmp_path):
    (tmp_path / "a.md").write_text("# Title\n\nText.\n\n## Part\n\nMore.\n")

    assert read(Folder(tmp_path))["Title"].text == "Text.\n\nPart\n\nMore."


def test_html_gives_its_main_content(tmp_path):
    body = "".join(f"<p>Paragraph number {n} of the main text, which is long enough to be kept.</p>" for n in range(8))
    (tmp_path / "page.html").write_text(
        "<html><head><title>T</title><script>var x=1</script></head><body><nav><a href='/'>Home</a> menu</nav>"
        f"<article><h1>The page</h1><p>A lead.</p><h2>Part</h2>{body}</article><footer>Imprint</footer></body></html>"
    )

    page = read(Folder(tmp_path))["The page"]

    assert "Paragraph number 3 of the main text" in page.text
    assert "Part" in [section.heading for section in page.sections]
    assert "menu" not in page.text
    assert "Imprint" not in page.text
    assert "var x" not in page.text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("utf-8-sig"), "Grüße"),
        ("Grüße".encode("utf-16"), "Grüße"),
        (
            ("Die Größe der Häuser überrascht viele Gäste in Köln und Nürnberg. " * 5).encode("cp1252"),
            "Größe der Häuser",
        ),
        (b"One\r\n\r\nTwo\r", "One\n\nTwo"),
    ],
)
def test_encodings_are_told(tmp_path, data, text):
    (tmp_path / "a.txt").write_bytes(data)

    assert text in read(Folder(tmp_path))["A"].text


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"\x00\x01\x02" * 50, "binary"),
        ("a.txt", "Grüße".encode("utf-16")[:-1], "damaged"),
        ("a.md", b"", "no text"),
        ("a.md", b"---\ntitle: x\n---\n", "no text"),
        ("a.html", b"<html></html>", "no text"),
    ],
)
def test_what_cannot_be_read_is_reported_and_the_rest_goes_in(tmp_path, name, data, reason):
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.md").write_text("# Good\n\nText.")

    bad, good = Folder(tmp_path).items()

    assert isinstance(bad, Skipped)
    assert bad.title == name
    assert reason in bad.reason
    assert good.title == "Good"


def test_hidden_and_tool_folders_and_link_loops_are_passed_over(tmp_path):
    for name in (".git", "node_modules", "kept", "kept/deep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.md").write_text(f"# In {name}\n\nText.")
    (tmp_path / ".hidden.md").write_text("# Hidden\n\nText.")
    (tmp_path / "kept" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "broken.md").symlink_to(tmp_path / "nowhere.md")
    (tmp_path / "image.png").write_bytes(b"x")

    assert list(read(Folder(tmp_path))) == ["In kept/deep", "In kept"]


def test_a_known_revision_is_unchanged_and_an_edit_keeps_the_id(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("# Title\n\nText.")
    (first,) = Folder(tmp_path).items()
    seen = {(first.source, first.title, first.revision)}

    assert list(Folder(tmp_path).items(known=lambda *key: key in seen)) == [Unchanged("Title")]

    file.write_text("# New title\n\nText.")
    (second,) = Folder(tmp_path).items(known=lambda *key: key in seen)
    assert second.id == first.id
    assert second.revision != first.revision


def test_a_single_file_is_read_under_the_name_it_has_in_its_folder(tmp_path):
    (tmp_path / "a.md").write_text("# A\n\nText.")
    (tmp_path / "b.md").write_text("# B\n\nText.")

    (alone,) = Folder(tmp_path / "a.md").items()

    assert alone == read(Folder(tmp_path))["A"]


def test_progress_ends_at_the_total(tmp_path):
    for n in range(3):
        (tmp_path / f"{n}.txt").write_text("text" * n)
    folder = Folder(tmp_path)

    assert folder.total_bytes == 12
    assert len(list(folder.items())) == 3
    assert folder.position_bytes == 12


def test_a_folder_without_documents_says_so(tmp_path):
    with pytest.raises(UnreadableSource, match="no Markdown"):
        list(Folder(tmp_path).items())
    with pytest.raises(UnreadableSource):
        Folder(tmp_path / "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_reported(tmp_path):
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "a.md").chmod(0)

    (item,) = Folder(tmp_path).items()

    assert isinstance(item, Skipped)
