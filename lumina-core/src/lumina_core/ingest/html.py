"""HTML to headings and paragraphs: the main content of a page, without navigation, adverts and footers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from lxml import etree  # type: ignore[import-untyped]  # lxml carries no types
from lxml import html as lxml_html

from lumina_core.ingest.blocks import Block

__all__ = ["HtmlPage", "html_title", "read_html"]

_SKIPPED = frozenset(
    "script style noscript template nav footer aside form button svg iframe head select option".split()
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_PARAGRAPHS = frozenset("p li dt dd pre blockquote figcaption td th address caption summary".split())
_MIN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """`canonical` is the page's own idea of its URL, `links` are absolute where a base was given."""

    title: str | None
    blocks: list[Block]
    links: tuple[str, ...]
    canonical: str | None
    date: str | None
    """ISO 8601, as precise as the page says it."""


def html_title(text: str) -> str | None:
    """The first `h1`, else the `title`; cheap beside finding the main content."""
    tree = _tree(text)
    return _title(tree) if tree is not None else None


def read_html(text: str, *, url: str | None = None) -> HtmlPage:
    """Find the main content of a page. Blocks are empty where there is no text at all."""
    tree = _tree(text)
    if tree is None:
        return HtmlPage(None, [], (), None, None)
    title = _title(tree)
    canonical = _canonical(tree, url)
    links: dict[str, None] = {}
    body, date = _main_content(text, url)
    blocks = _extracted_blocks(body, url, links) if body is not None else []
    if sum(len(paragraph) for block in blocks for paragraph in block.paragraphs) < _MIN_CHARACTERS:
        links.clear()
        blocks = _plain_blocks(tree, url, links)
    if title and len(blocks) > 1 and not blocks[0].paragraphs and blocks[1].heading == title:
        blocks[0:2] = [Block("", 1, blocks[1].paragraphs)]
    return HtmlPage(title, blocks, tuple(links), canonical, date)


def _tree(text: str) -> lxml_html.HtmlElement | None:
    parser = lxml_html.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        return lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def _title(tree: lxml_html.HtmlElement) -> str | None:
    for path in ("//h1", "//head/title", "//title"):
        for element in tree.xpath(path):
            if words := _words(element):
                return words[:300]
    return None


def _canonical(tree: lxml_html.HtmlElement, url: str | None) -> str | None:
    """Followed only where it stays on the same host: a page may not name itself as somebody else's."""
    for href in tree.xpath("//link[translate(@rel, 'CANONIL', 'canonil')='canonical']/@href"):
        target = urljoin(url or "", str(href).strip())
        parts = urlsplit(target)
        if parts.scheme in {"http", "https"} and (url is None or parts.hostname == urlsplit(url).hostname):
            return target
    return None


def _main_content(text: str, url: str | None) -> tuple[etree._Element | None, str | None]:
    import trafilatura  # half a second to import, and most runs never see a web page

    try:
        found = trafilatura.bare_extraction(
            text, url=url, with_metadata=True, include_comments=False, include_links=True, favor_recall=True
        )
    except Exception:  # it walks foreign trees; whatever it trips over, the plain reading below still works
        return None, None
    if found is None or isinstance(found, dict):
        return None, None
    return found.body, found.date


def _extracted_blocks(body: etree._Element, url: str | None, links: dict[str, None]) -> list[Block]:
    """Walk the tree trafilatura makes: head, p, list/item, table/row/cell, quote, code."""
    blocks = [Block("", 1)]
    for element in body:
        if element.tag == "head":
            rend = str(element.get("rend") or "h2")
            _collect(element, url, links)
            if words := _words(element):
                blocks.append(Block(words, int(rend[1]) if re.fullmatch(r"h[1-6]", rend) else 2))
        else:
            _collect(element, url, links)
            if element.tag == "list":
                words = "\n".join(line for item in element.iter("item") if (line := _own_words(item)))
            elif element.tag == "table":
                words = "\n".join(line for row in element.iter("row") if (line := _row(row)))
            elif element.tag == "code":
                words = "\n".join(line.rstrip() for line in "".join(element.itertext()).split("\n") if line.strip())
            else:
                words = _words(element)
            if words:
                blocks[-1].paragraphs.append(words)
    return blocks


def _row(row: etree._Element) -> str:
    return "; ".join(words for cell in row.iter("cell") if (words := _words(cell)))


def _plain_blocks(tree: lxml_html.HtmlElement, url: str | None, links: dict[str, None]) -> list[Block]:
    """Every heading and paragraph, for pages too small or too odd for main-content extraction."""
    blocks = [Block("", 1)]
    for element in _visible(tree):
        if element.tag in _HEADINGS:
            if words := _words(element):
                blocks.append(Block(words, int(element.tag[1])))
        elif element.tag in _PARAGRAPHS and not any(child.tag in _PARAGRAPHS for child in element.iterdescendants()):
            _collect(element, url, links)
            if words := _words(element):
                blocks[-1].paragraphs.append(words)
    if not any(block.paragraphs for block in blocks):
        body = tree.find(".//body")
        for element in list(tree.iter(*_SKIPPED)):
            element.drop_tree() if element.getparent() is not None else None
        if words := _words(body if body is not None else tree):
            blocks = [Block("", 1, [words])]
    return blocks


def _visible(element: lxml_html.HtmlElement) -> Iterator[lxml_html.HtmlElement]:
    waiting = [element]
    while waiting:
        current = waiting.pop()
        if not isinstance(current.tag, str) or current.tag in _SKIPPED:
            continue
        yield current
        waiting.extend(reversed(list(current)))


def _collect(element: etree._Element, url: str | None, links: dict[str, None]) -> None:
    for link in element.iter("a", "ref"):
        href = str(link.get("href") or link.get("target") or "").strip()
        if href and not href.startswith(("#", "javascript:", "mailto:", "data:")):
            links.setdefault(urljoin(url, href) if url else href)


def _own_words(item: etree._Element) -> str:
    """The words of a list item without those of the items nested in it, which are lines of their own."""
    parts = [item.text or ""]
    for child in item:
        if child.tag != "list":
            parts.append("".join(child.itertext()))
        parts.append(child.tail or "")
    return " ".join("".join(parts).split())


def _words(element: etree._Element) -> str:
    return " ".join("".join(element.itertext()).split())
