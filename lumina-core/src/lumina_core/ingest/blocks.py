"""Headings and paragraphs, from whatever source, joined into the text and the sections of an `Article`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lumina_core.documents import Section

__all__ = ["Block", "assemble", "summarise"]


@dataclass(slots=True)
class Block:
    """A heading and the paragraphs under it."""

    heading: str
    level: int
    paragraphs: list[str] = field(default_factory=list)


def assemble(blocks: Iterable[Block]) -> tuple[str, tuple[Section, ...]]:
    """Join blocks into a text with sections. Headings with nothing under them are left out."""
    kept = _filled(list(blocks))
    parts: list[str] = []
    sections: list[Section] = []
    length = 0
    above: list[tuple[int, str]] = []
    for block in kept:
        if block.heading:
            while above and above[-1][0] >= block.level:
                above.pop()
            above.append((block.level, block.heading))
            length += (2 if parts else 0) + len(block.heading)
            parts.append(block.heading)
        start = end = length
        for number, paragraph in enumerate(block.paragraphs):
            if parts:
                length += 2
            if number == 0:
                start = length
            parts.append(paragraph)
            end = length = length + len(paragraph)
        if block.heading or block.paragraphs:
            path = tuple(heading for _, heading in above) if block.heading else ()
            sections.append(Section(block.heading, block.level if block.heading else 1, path, start, end))
    return "\n\n".join(parts), tuple(sections)


def _filled(blocks: list[Block]) -> list[Block]:
    """Leave out the headings under which, however deep, there is no text."""
    kept: list[Block] = []
    needed = 0  # a heading above this level holds a section already kept
    for block in reversed(blocks):
        if block.paragraphs or (block.heading and block.level < needed):
            needed = block.level
            kept.append(block)
    kept.reverse()
    return kept


_SUMMARY_CHARACTERS = 400
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")


def summarise(text: str, sections: Sequence[Section]) -> str:
    """The start of the first paragraph that stands in a section, cut at a sentence's end where there is one."""
    body = next((text[section.start : section.end] for section in sections if section.end > section.start), text)
    first = body.partition("\n\n")[0].replace("\n", " ")
    if len(first) <= _SUMMARY_CHARACTERS:
        return first
    end = 0
    for found in _SENTENCE.finditer(first, 0, _SUMMARY_CHARACTERS):
        end = found.start()
    if end >= _SUMMARY_CHARACTERS // 4:
        return first[:end]
    space = first.rfind(" ", 0, _SUMMARY_CHARACTERS)
    return first[: space if space > 0 else _SUMMARY_CHARACTERS].rstrip(" ,;:") + " …"
