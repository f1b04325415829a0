"""Ids as parts of a path."""

from __future__ import annotations

from urllib.parse import quote

__all__ = ["part"]


def part(text: str, *, slashes: bool = False) -> str:
    """A text as one part of a path; with `slashes` it may be several."""
    return quote(text, safe="/:" if slashes else ":")
