"""Last pass: lines become paragraphs and headings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lumina_core.ingest.blocks import Block
from lumina_core.ingest.wikimarkup.inline import remove_leftovers
from lumina_core.ingest.wikimarkup.opaque import LINE_BREAK, expose

__all__ = ["read_blocks", "without_citations"]

_HEADING = re.compile(r"^(={1,6})\s*(.*?)\s*\1\s*$")
_LIST = re.compile(r"^[*#:;]+[ \t]*")
_WORDS = re.compile(r"\w")
_TABLE_DEBRIS = re.compile(r"^\s*(?:[|!]|\{\||\|\})")
_BARS = re.compile(r"\s*\|+\s*")
_EQUALS = re.compile(r"\s*={2,}(?=\s|$)|(?<!\S)={2,}\s*")
_SENTENCE_END = re.compile(r"[.!?…:;,\"”’')\]]$")

_CITATION_SECTIONS = frozenset(
    "references|reference|external links|external link|see also|further reading|notes|note|footnotes|citations|"
    "references and notes|notes and references|references and sources|sources and references|works cited|"
    "references and further reading|notes and citations|citations and references|general references|"
    "cited references|bibliographical references|external sources|related links|links|web links|source notes|"
    "explanatory notes|informational notes|cited sources|sources cited|endnotes|weblinks".split("|")
)
_MAYBE_CITATIONS = frozenset(
    {"bibliography", "sources", "literature", "secondary sources", "primary sources", "general", "books", "articles"}
)
_CITATION = re.compile(
    r"\bISBN\b|\bISSN\b|\bOCLC\b|\bdoi:|\bpp?\. ?\d|\(\d{4}[a-z]?\)|\b(?:University|Press|Books|Publish\w+|Retrieved)\b"
)


def read_blocks(text: str) -> list[Block]:
    """Cut cleaned wikitext into blocks; the first is the lead. Lists keep their lines, prose lines are joined."""
    blocks = [Block("", 1)]
    paragraph: list[str] = []
    listing = False

    def flush() -> None:
        nonlocal listing
        if paragraph:
            words = _paragraph(paragraph)
            if words:
                blocks[-1].paragraphs.append(words)
            paragraph.clear()
        listing = False

    for line in text.split("\n"):
        if not line or line.isspace():
            flush()
            continue
        sign = line[0]
        if sign == "=" and (found := _HEADING.match(line)):
            flush()
            heading = _paragraph([found[2].replace(LINE_BREAK, " ")]).replace("\n", " ")
            blocks.append(Block(heading, len(found[1])))
        elif sign in "*#:;":
            body = line[len(_LIST.match(line).group()) :].strip()  # type: ignore[union-attr]  # the sign is in the class
            if body:
                paragraph.append(("\n" if paragraph else "") + body)
                listing = True
        elif sign in "|!" and _TABLE_DEBRIS.match(line):
            continue
        elif line.startswith("----"):
            flush()
        else:
            if listing:
                flush()
            body = line.strip()
            paragraph.append((" " if paragraph and body[0] not in ",;:.!?" else "") + body)
    flush()
    return blocks


def _paragraph(pieces: Iterable[str]) -> str:
    text = "".join(pieces)
    if "|" in text:
        text = _BARS.sub(" ", text)
    text = expose(remove_leftovers(text))
    lines = (" ".join(line.split()).strip(" ·•") for line in text.replace(LINE_BREAK, "\n").split("\n"))
    return "\n".join(_EQUALS.sub("", line).strip() for line in lines if _WORDS.search(line))


def without_citations(blocks: list[Block]) -> list[Block]:
    """Leave out the sections, with those under them, that hold references and nothing else."""
    kept: list[Block] = []
    dropping: int | None = None
    for block in blocks:
        if dropping is not None and block.heading and block.level > dropping:
            continue
        dropping = None
        folded = block.heading.casefold().strip(" :.")
        if folded in _CITATION_SECTIONS or (folded in _MAYBE_CITATIONS and _is_citations(block.paragraphs)):
            dropping = block.level
            continue
        kept.append(block)
    return kept


def _is_citations(paragraphs: list[str]) -> bool:
    lines = [line for paragraph in paragraphs for line in paragraph.split("\n")]
    return bool(lines) and sum(1 for line in lines if _CITATION.search(line)) * 2 >= len(lines)
