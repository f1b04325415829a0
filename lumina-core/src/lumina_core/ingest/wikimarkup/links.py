"""Internal links: their label goes into the text, their target into the page's notes."""

from __future__ import annotations

import re

from lumina_core.ingest.wikimarkup.page import PageNotes

__all__ = ["render_link"]

_FILE, _CATEGORY, _MEDIA = 6, 14, -2
_URL = re.compile(r"\s*(?:https?:|ftp:)?//\S+\s*")
_PARENTHESISED = re.compile(r"\s*\([^()]*\)\s*$|,.*$")


def render_link(arguments: list[str], notes: PageNotes) -> str:
    """Render `[[target|label]]`, given what stands between its bars."""
    target = arguments[0]
    if len(target) > 1000 or "\n" in target.strip():
        return " ".join(arguments)
    if _URL.match(target):
        return _URL.sub("", target, count=1) or (arguments[1] if len(arguments) > 1 else "")
    label = "|".join(arguments[1:]) if len(arguments) > 1 else None
    colon = target.find(":")
    if colon < 0:
        return _article(target, label, notes)
    escaped = target.lstrip().startswith(":")
    if escaped:
        target = target.lstrip()[1:]
        colon = target.find(":")
    prefix = target[:colon] if colon >= 0 else ""
    rest = target[colon + 1 :]
    namespace = notes.names.namespace(prefix)
    if namespace:
        if namespace == _CATEGORY and not escaped:
            if name := rest.partition("#")[0].replace("_", " ").strip():
                notes.categories.setdefault(name[:1].upper() + name[1:])
            return ""
        if namespace == _FILE and not escaped:
            return ""
        return (label or "").strip() or rest.replace("_", " ").strip()
    if notes.names.is_language(prefix):
        if not escaped and label is None:
            return ""
        return (label or "").strip() or rest.strip()
    if notes.names.is_interwiki(prefix):
        return (label or "").strip() or rest.rpartition(":")[2].replace("_", " ").strip()
    return _article(target, label, notes)


def _article(target: str, label: str | None, notes: PageNotes) -> str:
    notes.add_link(target)
    if label is None:
        shown = target.strip()
        if shown.startswith("#"):
            shown = shown[1:]
        return shown.replace("_", " ")
    if label.strip():
        return label
    return _PARENTHESISED.sub("", target.rpartition(":")[2]).strip()
