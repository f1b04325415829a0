from __future__ import annotations

import pytest

from lumina_core.errors import InvalidInput, UnreadableSource
from lumina_core.ingest.folder import Folder
from lumina_core.ingest.mediawiki import MediaWikiDump
from lumina_core.ingest.source import open_source, source_kinds
from lumina_core.ingest.web import WebPage


def test_the_shipped_drivers_are_installed():
    assert {"url", "mediawiki-dump", "folder"} <= set(source_kinds())


@pytest.mark.parametrize("name", ["d.xml", "d.xml.bz2", "d.xml.gz", "without-extension"])
def test_dumps_are_told_by_name_or_content(make_dump, make_page, name):
    assert isinstance(open_source(str(make_dump([make_page("X", "y")], name=name))), MediaWikiDump)


def test_folders_documents_and_addresses_go_to_their_drivers(tmp_path):
    (tmp_path / "a.md").write_text("x")

    assert isinstance(open_source(str(tmp_path)), Folder)
    assert isinstance(open_source(str(tmp_path / "a.md")), Folder)
    assert isinstance(open_source("https://example.org/page"), WebPage)


def test_a_kind_that_was_named_is_believed(tmp_path):
    (tmp_path / "a.md").write_text("x")

    with pytest.raises(UnreadableSource, match="not a MediaWiki dump"):
        open_source(str(tmp_path / "a.md"), kind="mediawiki-dump")


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ("", None, "empty"),
        ("/nowhere/at/all", None, "no file or folder"),
        ("x", "telepathy", "no source kind 'telepathy'"),
        ("ftp://example.org/x", None, "no file or folder"),
    ],
)
def test_what_nobody_reads_is_refused_with_a_hint(spec, kind, words):
    with pytest.raises(InvalidInput, match=words) as caught:
        open_source(spec, kind)

    assert caught.value.hint


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG")

    with pytest.raises(InvalidInput, match="nothing here reads"):
        open_source(str(tmp_path / "x.png"))
