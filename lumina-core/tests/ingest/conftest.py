"""Dumps written by hand, small and large, and the real excerpt where it is."""

from __future__ import annotations

import bz2
import gzip
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest

SITEINFO = """<siteinfo><sitename>Testpedia</sitename><dbname>testwiki</dbname>
<base>https://wiki.example.org/wiki/Main_Page</base><generator>MediaWiki 1.27</generator><case>first-letter</case>
<namespaces><namespace key="-1" case="first-letter">Special</namespace><namespace key="0" case="first-letter" />
<namespace key="4" case="first-letter">Testpedia</namespace><namespace key="6" case="first-letter">Datei</namespace>
<namespace key="14" case="first-letter">Kategorie</namespace></namespaces></siteinfo>"""


def page_xml(
    title: str,
    text: str | None,
    *,
    ns: int | None = 0,
    revision: int = 1,
    ts: str = "2016-04-22T10:19:33Z",
    redirect: str | None = None,
    model: str | None = "wikitext",
) -> str:
    """One `<page>` with one revision."""
    return (
        f"<page><title>{escape(title)}</title>"
        + (f"<ns>{ns}</ns>" if ns is not None else "")
        + "<id>7</id>"
        + (f"<redirect title={quoteattr(redirect)} />" if redirect is not None else "")
        + revision_xml(text, revision=revision, ts=ts, model=model)
        + "</page>\n"
    )


def revision_xml(
    text: str | None, *, revision: int = 1, ts: str = "2016-04-22T10:19:33Z", model: str | None = "wikitext"
) -> str:
    return (
        f"<revision><id>{revision}</id><timestamp>{ts}</timestamp>"
        "<contributor><username>Someone</username><id>999</id></contributor>"
        + (f"<model>{model}</model><format>text/x-wiki</format>" if model is not None else "")
        + (f'<text xml:space="preserve">{escape(text)}</text>' if text is not None else '<text deleted="deleted" />')
        + "</revision>"
    )


def dump_xml(pages: Iterable[str], *, version: str = "0.10", siteinfo: str = SITEINFO) -> str:
    return (
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-{version}/" version="{version}" xml:lang="en">\n'
        f"{siteinfo}\n{''.join(pages)}</mediawiki>\n"
    )


@pytest.fixture
def make_page() -> Callable[..., str]:
    return page_xml


@pytest.fixture
def make_revision() -> Callable[..., str]:
    return revision_xml


@pytest.fixture
def make_dump(tmp_path: Path) -> Callable[..., Path]:
    """Write a dump: `make_dump(pages, name="dump.xml.bz2", cut=…)`; `cut` drops that many bytes from its end."""

    def make(pages: Iterable[str], *, name: str = "dump.xml", cut: int = 0, **options: str) -> Path:
        data = dump_xml(pages, **options).encode()
        if name.endswith(".bz2"):
            data = bz2.compress(data, 1)
        elif name.endswith(".gz"):
            data = gzip.compress(data)
        path = tmp_path / name
        path.write_bytes(data[: len(data) - cut])
        return path

    return make


@pytest.fixture(scope="session")
def excerpt() -> Path:
    """The real dump excerpt that lies beside the checkout, or where `LUMINA_TEST_DATA` says."""
    folder = os.environ.get("LUMINA_TEST_DATA")
    checkout = Path(__file__).resolve().parents[3]
    path = Path(folder or checkout.parent / "shared" / "data") / "enwiki-2016-excerpt.xml.bz2"
    if not path.is_file():
        pytest.skip(f"the real dump excerpt is not here: no {path.name} in {path.parent} (set LUMINA_TEST_DATA)")
    return path
