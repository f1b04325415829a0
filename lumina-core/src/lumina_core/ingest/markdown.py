"""Markdown to headings and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from lumina_core.ingest.blocks import Block

__all__ = ["MarkdownPage", "markdown_title", "read_markdown"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?\r?\n)?(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z][\w -]*?)[ \t]*:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_ATX_TITLE = re.compile(r"^ {0,3}#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_SETEXT_TITLE = re.compile(r"^ {0,3}(\S.*?)[ \t]*\n {0,3}=+[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_WIKI_LINK = re.compile(r"!?\[\[([^\[\]|#\n]{1,200})(?:#[^\[\]|\n]*)?(?:\|([^\[\]\n]{1,200}))?\]\]")
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class MarkdownPage:
    """`links` are as written: relative paths, URLs, or names from `[[wiki links]]` (those begin with "[[")."""

    blocks: list[Block]
    links: tuple[str, ...]
    tags: tuple[str, ...]


def markdown_title(text: str) -> str | None:
    """The title of the front matter, else the first heading of level one; cheap, nothing else is parsed."""
    front, body = _split(text)
    if title := front.get("title", "").strip("\"'"):
        return title
    body = _FENCE.sub("", body)
    found = [match for pattern in (_ATX_TITLE, _SETEXT_TITLE) if (match := pattern.search(body))]
    if not found:
        return None
    heading = min(found, key=lambda match: match.start())[1]
    tokens = _parser().parseInline(heading)
    return _inline(tokens[0].children or [], {}).strip() or None


def read_markdown(text: str, *, title: str = "") -> MarkdownPage:
    """Parse CommonMark with tables. A first heading that only repeats the title is left out."""
    front, body = _split(text)
    links: dict[str, None] = {}
    blocks = [Block("", 1)]
    tokens = _parser().parse(body)
    for block in _blocks(tokens, links):
        if block.heading:
            blocks.append(block)
        else:
            blocks[-1].paragraphs.extend(block.paragraphs)
    if len(blocks) > 1 and not blocks[0].paragraphs and blocks[1].heading == title and blocks[1].level == 1:
        blocks[0:2] = [Block("", 1, blocks[1].paragraphs)]
    raw_tags = front.get("tags") or front.get("categories") or ""
    tags = tuple(tag.strip(" \"'[]-") for tag in raw_tags.split(",") if tag.strip(" \"'[]-"))
    return MarkdownPage(blocks, tuple(links), tags)


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table").enable("strikethrough")


def _split(text: str) -> tuple[dict[str, str], str]:
    found = _FRONT_MATTER.match(text)
    if found is None:
        return {}, text
    return {name.lower(): value for name, value in _FIELD.findall(found[1] or "")}, text[found.end() :]


def _blocks(tokens: Sequence[Token], links: dict[str, None]) -> Iterator[Block]:
    """One block for a heading, one without a heading for every paragraph, list, table or piece of code."""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.type == "heading_open":
            yield Block(_line(_inline(tokens[place + 1].children or [], links)), int(token.tag[1]))
            place += 3
            continue
        if token.type in {"bullet_list_open", "ordered_list_open", "table_open"}:
            end = _closing(tokens, place)
            inside = tokens[place + 1 : end]
            lines = _rows(inside, links) if token.type == "table_open" else list(_items(inside, links))
            if lines:
                yield Block("", 1, ["\n".join(lines)])
            place = end + 1
            continue
        if words := _leaf(token, links):
            yield Block("", 1, [words])
        place += 1


def _leaf(token: Token, links: dict[str, None]) -> str:
    if token.type == "inline":
        return _lines(_inline(token.children or [], links))
    if token.type in {"fence", "code_block"}:
        return "\n".join(line.rstrip() for line in token.content.split("\n") if line.strip())
    if token.type == "html_block":
        return _lines(_TAG.sub(" ", token.content))
    return ""


def _items(tokens: Sequence[Token], links: dict[str, None]) -> Iterator[str]:
    """The leaves of a list, nested ones too, each as lines of one paragraph."""
    for token in tokens:
        if words := _leaf(token, links):
            yield words


def _rows(tokens: Sequence[Token], links: dict[str, None]) -> list[str]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append(_line(_inline(token.children or [], links)))
    header, *body = rows or [[]]
    lines = []
    for row in body:
        cells = [f"{name}: {cell}" if name else cell for name, cell in zip(header, row, strict=False) if cell]
        if cells:
            lines.append("; ".join(cells) + ("" if cells[-1][-1] in ".!?" else "."))
    return lines


def _closing(tokens: Sequence[Token], start: int) -> int:
    depth = 0
    for place in range(start, len(tokens)):
        depth += tokens[place].nesting
        if depth == 0:
            return place
    return len(tokens) - 1


def _inline(children: Sequence[Token], links: dict[str, None]) -> str:
    parts: list[str] = []
    for token in children:
        if token.type == "text":
            parts.append(_WIKI_LINK.sub(lambda found: _wiki_link(found, links), token.content))
        elif token.type == "code_inline":
            parts.append(token.content)
        elif token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak":
            parts.append("\n")
        elif token.type == "link_open":
            links.setdefault(str(token.attrGet("href") or ""))
    return "".join(parts)


def _wiki_link(found: re.Match[str], links: dict[str, None]) -> str:
    if found[0].startswith("!"):
        return ""
    links.setdefault("[[" + found[1].strip())
    return (found[2] or found[1]).strip()


def _line(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> str:
    return "\n".join(line for part in text.split("\n") if (line := _line(part)))
