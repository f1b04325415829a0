"""Sentence spans: the unit of the second stage of retrieval, and of answers."""

from __future__ import annotations

import re

from sentencex import get_sentence_boundaries

__all__ = ["split_sentences"]

_SHORTEST = 12
"""Code points. What is shorter is rarely a sentence ("[n 7]", "Ibid."): it joins the one before it."""

_WIDE_SPACE = re.compile(r"[^\S\x00-\x7f]")
_LINE_BREAKS = "\x85\u2028\u2029"
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def split_sentences(text: str, *, language: str = "en") -> tuple[tuple[int, int], ...]:
    """Cut a text into sentences.

    Returns:
        Half-open spans in code points, in order, not overlapping, without the white space around them. Every
        character that is not white space lies in exactly one span; the result is empty where there is none.
    """
    safe = text if text.isascii() else _safe(text)
    spans: list[tuple[int, int]] = []
    cursor = 0
    for boundary in get_sentence_boundaries(language, safe):
        piece = boundary["text"]
        # The library counts in bytes or code points depending on the text, so the piece is looked up where it stands.
        start = safe.find(piece, cursor)
        cursor = start + len(piece)
        stripped = piece.strip()
        if not stripped:
            continue
        start += len(piece) - len(piece.lstrip())
        end = start + len(stripped)
        if spans and (len(stripped) < _SHORTEST) and "\n" not in text[spans[-1][1] : start]:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return tuple(spans)


def _safe(text: str) -> str:
    """The text as the library can bear it, code point for code point: it panics at "vitamin C\xa0." and other places
    where white space takes more than one byte, and refuses halves of surrogate pairs."""
    spaced = _WIDE_SPACE.sub(lambda found: "\n" if found.group() in _LINE_BREAKS else " ", text)
    return _SURROGATE.sub("\ufffd", spaced)
