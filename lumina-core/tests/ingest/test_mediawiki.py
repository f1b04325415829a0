from __future__ import annotations

import bz2
import gzip
import subprocess
import sys

import pytest

from lumina_core.documents import Article, Redirect, article_id
from lumina_core.errors import UnreadableSource
from lumina_core.ingest import mediawiki
from lumina_core.ingest.mediawiki import MediaWikiDump
from lumina_core.ingest.source import Skipped, Unchanged, never_known


def read_until_damage(dump, known=never_known):
    """The items before the damage, and the error."""
    items = []
    stream = dump.items(known=known)
    try:
        items.extend(stream)
    except UnreadableSource as error:
        return items, error
    pytest.fail("no damage was reported")


def test_a_page_becomes_an_article_with_everything_the_dump_says(make_dump, make_page):
    path = make_dump([make_page("Ökologie (Kurs)", "'''Eco''' is [[life]].", revision=716551092)])
    dump = MediaWikiDump(path)

    (article,) = dump.items()

    assert isinstance(article, Article)
    assert article.id == article_id("wiki.example.org", "Ökologie (Kurs)")
    assert article.title == "Ökologie (Kurs)"
    assert article.url == "https://wiki.example.org/wiki/%C3%96kologie_(Kurs)"
    assert article.source == dump.name == "wiki.example.org"
    assert article.revision == "716551092"
    assert article.ts == 1461320373.0
    assert article.text == "Eco is life."
    assert article.links == ("Life",)


def test_redirects_are_told_from_the_element_and_from_the_text(make_dump, make_page):
    path = make_dump(
        [
            make_page("A", "#REDIRECT [[Target one#Part]] {{R}}", redirect="Target one"),
            make_page("B", "#redirect [[target_two]]"),
            make_page("C", "something odd", redirect="Target three"),
        ]
    )

    items = list(MediaWikiDump(path).items())

    assert [(item.title, item.target) for item in items if isinstance(item, Redirect)] == [
        ("A", "Target one"),
        ("B", "Target two"),
        ("C", "Target three"),
    ]
    assert len(items) == 3


def test_pages_of_other_namespaces_are_passed_over_and_counted(make_dump, make_page):
    path = make_dump(
        [
            make_page("Testpedia:About", "text", ns=4),
            make_page("Talk:X", "text", ns=1),
            make_page("Testpedia:Old", "#REDIRECT [[X]]", ns=4),
            make_page("X", "text"),
        ]
    )
    dump = MediaWikiDump(path)

    assert [item.title for item in dump.items()] == ["X"]
    assert dump.ignored == {4: 2, 1: 1}


@pytest.mark.parametrize("version", ["0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "0.10", "0.11"])
def test_every_export_schema_is_read(make_dump, make_page, version):
    old = version < "0.6" and version != "0.10" and version != "0.11"
    pages = [
        make_page("X: the film", "text", ns=None if old else 0, model=None if old else "wikitext"),
        make_page("Kategorie:Filme", "text", ns=None if old else 14, model=None if old else "wikitext"),
    ]
    dump = MediaWikiDump(make_dump(pages, version=version))

    assert [item.title for item in dump.items()] == ["X: the film"]
    assert dump.ignored == {14: 1}


def test_of_several_revisions_the_latest_is_taken(make_dump, make_revision):
    page = (
        "<page><title>X</title><ns>0</ns><id>1</id>"
        + make_revision("first", revision=1, ts="2001-01-01T00:00:00Z")
        + make_revision("third", revision=3, ts="2003-01-01T00:00:00Z")
        + make_revision("second", revision=2, ts="2002-01-01T00:00:00Z")
        + "</page>"
    )

    (article,) = MediaWikiDump(make_dump([page])).items()

    assert (article.revision, article.text) == ("3", "third")


def test_known_revisions_are_not_parsed(make_dump, make_page, monkeypatch):
    monkeypatch.setattr(mediawiki, "parse_wikitext", lambda *_, **__: pytest.fail("parsed"))
    asked = []

    def known(source, title, revision):
        asked.append((source, title, revision))
        return True

    items = list(MediaWikiDump(make_dump([make_page("X", "text", revision=5)])).items(known=known))

    assert items == [Unchanged("X")]
    assert asked == [("wiki.example.org", "X", "5")]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"text": None}, "no text"),
        ({"text": ""}, "no text"),
        ({"text": "{}", "model": "json"}, "'json'"),
        ({"text": "{{Navbox}}"}, "nothing is left"),
        ({"text": "x" * 3000}, "over the limit"),
        ({"text": "#REDIRECT [[#top]]"}, "redirects to nowhere"),
    ],
)
def test_a_page_that_cannot_be_taken_is_reported_by_title_and_the_rest_goes_in(make_dump, make_page, page, reason):
    path = make_dump([make_page("Bad", page.pop("text"), **page), make_page("Good", "text")])

    bad, good = MediaWikiDump(path, max_page_bytes=2000).items()

    assert isinstance(bad, Skipped)
    assert bad.title == "Bad"
    assert reason in bad.reason
    assert good.title == "Good"


def test_an_error_in_the_parser_costs_one_page_only(make_dump, make_page, monkeypatch):
    real = mediawiki.parse_wikitext

    def parse(wikitext, **options):
        if "boom" in wikitext:
            raise RecursionError("too deep")
        return real(wikitext, **options)

    monkeypatch.setattr(mediawiki, "parse_wikitext", parse)

    bad, good = MediaWikiDump(make_dump([make_page("Bad", "boom"), make_page("Good", "text")])).items()

    assert bad == Skipped("Bad", "its wikitext could not be parsed: RecursionError: too deep")
    assert good.title == "Good"


@pytest.mark.parametrize("name", ["dump.xml", "dump.xml.bz2", "dump.xml.gz", "dump"])
def test_plain_and_compressed_dumps_read_alike_and_say_how_far_they_are(make_dump, make_page, name):
    path = make_dump([make_page(f"Page {n}", f"Text {n}.") for n in range(50)], name=name)
    dump = MediaWikiDump(path)

    assert dump.position_bytes == 0
    assert [item.title for item in dump.items()] == [f"Page {n}" for n in range(50)]
    assert dump.position_bytes == dump.total_bytes == path.stat().st_size


@pytest.mark.parametrize("compress", [bz2.compress, gzip.compress])
def test_dumps_of_several_streams_are_read_to_the_end(tmp_path, make_dump, make_page, compress):
    xml = make_dump([make_page(f"Page {n}", "Text.") for n in range(9)]).read_bytes()
    path = tmp_path / "multistream.xml.packed"
    path.write_bytes(b"".join(compress(xml[at : at + 300]) for at in range(0, len(xml), 300)))

    assert len(list(MediaWikiDump(path).items())) == 9


@pytest.mark.parametrize(("name", "cut"), [("d.xml.bz2", 40), ("d.xml.gz", 400), ("d.xml", 700)])
def test_what_stands_before_a_truncation_is_yielded_before_the_error(make_dump, make_page, name, cut):
    # Enough text that does not compress, so that whole blocks come before the cut.
    pages = [make_page(f"Page {n}", " ".join(str(hash((n, m))) for m in range(300))) for n in range(60)]
    dump = MediaWikiDump(make_dump(pages, name=name, cut=cut))

    items, error = read_until_damage(dump)

    assert [item.title for item in items] == [f"Page {n}" for n in range(len(items))]
    assert len(items) >= 20
    assert "truncated" in error.message
    assert error.hint


def test_damage_in_the_middle_of_the_compressed_data_is_told_from_truncation(make_dump, make_page):
    pages = [make_page(f"Page {n}", " ".join(str(hash((n, m))) for m in range(300))) for n in range(60)]
    path = make_dump(pages, name="d.xml.bz2")
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 0xFF
    path.write_bytes(data)

    items, error = read_until_damage(MediaWikiDump(path))

    assert items
    assert "damaged" in error.message


def test_a_page_that_is_no_xml_ends_the_run_after_those_before_it(make_dump, make_page):
    path = make_dump([make_page("One", "text"), make_page("Two", "text"), "<page><title>Bad</title></wrong>"])

    items, error = read_until_damage(MediaWikiDump(path))

    assert [item.title for item in items] == ["One", "Two"]
    assert "not well-formed" in error.message
    assert "'Bad'" in error.message


def test_text_in_a_wrong_encoding_is_an_error_that_says_so(make_dump, make_page):
    path = make_dump([make_page("One", "fine"), make_page("Two", "QQQQ")])
    path.write_bytes(path.read_bytes().replace(b"QQQQ", "Zürich".encode("latin-1")))

    items, error = read_until_damage(MediaWikiDump(path))

    assert [item.title for item in items] == ["One"]
    assert "UTF-8" in error.message + (error.hint or "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   \n",
        b"hello, I am a text",
        b"<html><body>hello</body></html>",
        '<?xml version="1.0" encoding="UTF-16"?><mediawiki/>'.encode("utf-16"),
        b"\x00\x01\x02\x03binary",
        b"BZh9 not really",
        b"\x1f\x8bnot really",
        b"<mediawiki",
    ],
)
def test_what_is_no_dump_is_refused_at_once_with_a_hint(tmp_path, content):
    path = tmp_path / "dump.xml"
    path.write_bytes(content)

    with pytest.raises(UnreadableSource) as caught:
        MediaWikiDump(path)

    assert caught.value.hint


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableSource, match="cannot read"):
        MediaWikiDump(tmp_path / "nowhere.xml")


def test_entity_bombs_are_refused_before_they_unfold(tmp_path):
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    path = tmp_path / "bomb.xml"
    path.write_text(
        f'<!DOCTYPE m [<!ENTITY l0 "lol">{entities}]><mediawiki><page><title>&l29;</title></page></mediawiki>'
    )

    with pytest.raises(UnreadableSource, match="document type"):
        MediaWikiDump(path)


def test_a_dump_without_a_base_names_its_articles_after_the_file(make_dump, make_page):
    (article,) = MediaWikiDump(make_dump([make_page("X y", "text")], name="mine.xml", siteinfo="")).items()

    assert article.source == "mine"
    assert article.url.startswith("file:///")
    assert article.url.endswith("mine.xml#X_y")


def test_local_names_of_namespaces_are_known_in_the_text(make_dump, make_page):
    text = "Seen.[[Datei:x.jpg|mini|Caption]] [[Kategorie:Filme]][[Category:Films|key]]"

    (article,) = MediaWikiDump(make_dump([make_page("X", text)])).items()

    assert article.text == "Seen."
    assert article.categories == ("Filme", "Films")


MEASURE = """
import resource, sys
from pathlib import Path
from lumina_core.ingest.mediawiki import MediaWikiDump
list(MediaWikiDump(Path(sys.argv[1])).items())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
skipped, article = MediaWikiDump(Path(sys.argv[2])).items()
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(skipped.reason, article.title, after - before, sep=";")
"""


@pytest.mark.processes
def test_a_page_of_fifty_megabytes_is_passed_over_in_constant_memory(tmp_path, make_dump, make_page):
    small = make_dump([make_page("Warm", "up")], name="small.xml")
    large = tmp_path / "large.xml"
    head, tail = make_dump([make_page("Huge", "QQQQ"), make_page("After", "text")]).read_bytes().split(b"QQQQ")
    with large.open("wb") as file:
        file.write(head)
        for _ in range(50):
            file.write(b"word " * (1 << 20 >> 2))  # one line, no end
        file.write(tail)

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(small), str(large)], capture_output=True, text=True, check=True
    )

    reason, title, grown_kib = done.stdout.strip().split(";")
    assert "over the limit" in reason
    assert title == "After"
    assert int(grown_kib) < 48 * 1024  # the limit of 16 MiB, gathered and joined, and some room: not the page


def test_paths_can_be_read_again_from_the_start(make_dump, make_page):
    dump = MediaWikiDump(make_dump([make_page("X", "text")]))

    assert list(dump.items()) == list(dump.items())
