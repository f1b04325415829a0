"""Articles into chunks: the spans that are indexed. Pure functions.

Chunks never cross a section. Paragraphs are merged up to a target length; a paragraph is cut only where it is longer
than the maximum, then between sentences, and a sentence longer than the maximum at a space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lumina_core.documents import Article, Chunk, ChunkId, Section
from lumina_core.text.sentences import split_sentences

__all__ = ["CHUNKING_VERSION", "MAX_CHARACTERS", "TARGET_CHARACTERS", "chunk_article"]

CHUNKING_VERSION = 1
"""Raised when the same article gives other chunks than before: an index made with another one is rebuilt."""

TARGET_CHARACTERS = 1_000
"""Paragraphs are merged while the chunk stays at or under this."""

MAX_CHARACTERS = 1_400
"""No chunk is longer."""

_SPLIT_TARGET = 1_100
_PARAGRAPH_BREAK = re.compile(r"\n\s*\n")
_GAP = re.compile(r"\s+")

Span = tuple[int, int]


def chunk_article(article: Article) -> tuple[Chunk, ...]:
    """Cut an article. The chunks cover every character of its sections' bodies but white space, once and in order.

    An article without sections is one section. The same article always gives the same chunks.
    """
    sections = article.sections or (Section("", 1, (), 0, len(article.text)),)
    chunks: list[Chunk] = []
    for section in sections:
        heading = " › ".join(section.path) or section.heading
        for start, end in _spans(article.text, section.start, section.end):
            text = article.text[start:end]
            ordinal = len(chunks)
            chunks.append(
                Chunk(
                    id=ChunkId(f"{article.id}#{ordinal}"),
                    article_id=article.id,
                    ordinal=ordinal,
                    title=article.title,
                    url=article.url,
                    section=heading,
                    start=start,
                    end=end,
                    text=text,
                    sentences=split_sentences(text),
                    ts=article.ts,
                )
            )
    return tuple(chunks)


def _spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Merge the pieces of a section up to the target."""
    begun: int | None = None
    last = start
    for piece_start, piece_end in _pieces(text, start, end):
        if begun is not None and piece_end - begun > TARGET_CHARACTERS:
            yield begun, last
            begun = None
        if begun is None:
            begun = piece_start
        last = piece_end
    if begun is not None:
        yield begun, last


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """Paragraphs, without the white space around them; those over the maximum in parts."""
    edges = [start]
    for found in _PARAGRAPH_BREAK.finditer(text, start, end):
        edges += found.span()
    edges.append(end)
    for edge in range(0, len(edges), 2):
        span = _stripped(text, edges[edge], edges[edge + 1])
        if span is not None:
            yield from [span] if span[1] - span[0] <= MAX_CHARACTERS else _parts(text, *span)


def _parts(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut a long paragraph between sentences into parts of like length, none over the maximum."""
    units = list(_sentences(text, start, end))
    count = -(-(end - start) // _SPLIT_TARGET)
    aim = (end - start) / count
    begun, last = units[0]
    for unit_start, unit_end in units[1:]:
        if unit_end - begun > MAX_CHARACTERS or (last + unit_end) / 2 - begun > aim:
            yield begun, last
            begun = unit_start
        last = unit_end
    yield begun, last


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """Tile a paragraph with sentences; whatever a splitter leaves between two belongs to the one before."""
    paragraph = text[start:end]
    starts = [0] + [begin for begin, _ in split_sentences(paragraph) if begin > 0] + [len(paragraph)]
    for begin, stop in pairwise(starts):
        span = _stripped(text, start + begin, start + stop)
        if span is not None:
            yield from _words(text, *span)


def _words(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut a sentence over the maximum at spaces; where there are none, at the maximum."""
    while end - start > MAX_CHARACTERS:
        cut = start + MAX_CHARACTERS
        for found in _GAP.finditer(text, start + MAX_CHARACTERS // 2, start + MAX_CHARACTERS):
            cut = found.start()
        span = _stripped(text, start, cut)
        if span is not None:
            yield span
        start = cut
    span = _stripped(text, start, end)
    if span is not None:
        yield span


def _stripped(text: str, start: int, end: int) -> Span | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if end > start else None
