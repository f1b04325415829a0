"""Sentence spans: the unit of the second stage of retrieval, and of answers."""

from __future__ import annotations

from sentencex import get_sentence_boundaries

__all__ = ["split_sentences"]

_SHORTEST = 12
"""Code points. What is shorter is rarely a sentence ("[n 7]", "Ibid."): it joins the one before it."""


def split_sentences(text: str, *, language: str = "en") -> tuple[tuple[int, int], ...]:
    """Cut a text into sentences.

    Returns:
        Half-open spans in code points, in order, not overlapping, without the white space around them. Every
        character that is not white space lies in exactly one span; the result is empty where there is none.
    """
    spans: list[tuple[int, int]] = []
    cursor = 0
    for boundary in get_sentence_boundaries(language, text):
        piece = boundary["text"]
        # The library counts in bytes or code points depending on the text, so the piece is looked up where it stands.
        start = text.find(piece, cursor)
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
