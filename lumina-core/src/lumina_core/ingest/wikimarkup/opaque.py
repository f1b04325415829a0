"""First pass: what is not wikitext inside wikitext (comments, references, formulas, galleries, literal text)."""

from __future__ import annotations

import html
import re

from lumina_core.ingest.wikimarkup.formulas import plain_formula

__all__ = ["LINE_BREAK", "expose", "protect", "remove_opaque"]

LINE_BREAK = "\ue000"
"""Stands for a line break that must survive the joining of lines."""

_LITERAL = "[]{}|'<>=*#:;&_!-"
_PROTECT = {ord(sign): chr(0xE100 + ord(sign)) for sign in _LITERAL}
_EXPOSE = {ord(chr(0xE100 + ord(sign))): sign for sign in _LITERAL}
_PRIVATE = re.compile("[\ue000-\ue2ff]")
_LITERAL_PAIRS = re.compile(r"([\[\]{}])(?=\1)|(')(?=')|(=)(?==)|(\{)(?=\|)|(\|)(?=\})|(<)(?=[a-zA-Z/!])|(&)(?=\w+;)")

_DROPPED = (
    "ref|references|gallery|imagemap|timeline|score|hiero|graph|mapframe|maplink|templatedata|templatestyles|"
    "syntaxhighlight|source|pre|includeonly|inputbox|categorytree|indicator|section|chem|ce|math|nowiki|poem|"
    "style|script"
)
_OPENING = re.compile(rf"<!--|<({_DROPPED})\b([^<>]*)>", re.IGNORECASE)
_LEFTOVER = re.compile(rf"</(?:{_DROPPED})\s*>|-->", re.IGNORECASE)


def protect(text: str) -> str:
    """Replace signs that could be read as markup by private ones; `expose` brings them back."""
    return text.translate(_PROTECT)


def expose(text: str) -> str:
    """Undo `protect`. Pairs that would look like markup again are pulled apart by a space."""
    if not _PRIVATE.search(text):
        return text
    return _LITERAL_PAIRS.sub(lambda found: found.group() + " ", text.translate(_EXPOSE))


def remove_opaque(text: str) -> str:
    """Take comments, references and the like out of a page; formulas and literal text become plain text.

    An element that is never closed loses its tag only. Linear in the length of the text, whatever is in it.
    """
    if _PRIVATE.search(text):
        text = _PRIVATE.sub("", text)
    if "<" not in text:
        return text
    parts: list[str] = []
    position = 0
    lower: str | None = None
    unclosed: set[str] = set()
    while found := _OPENING.search(text, position):
        parts.append(text[position : found.start()])
        position = found.end()
        tag = found.group(1)
        if tag is None:
            end = text.find("-->", position) if "!--" not in unclosed else -1
            if end < 0:
                unclosed.add("!--")
            else:
                position = end + 3
                if parts[-1].endswith("\n") and text.startswith("\n", position):
                    position += 1
            continue
        if found.group(2).endswith("/"):
            continue
        tag = tag.lower()
        if tag in unclosed:
            continue
        if lower is None:
            lower = text.lower()
            if len(lower) != len(text):  # some capitals grow when folded; then only ASCII is folded
                lower = re.sub("[A-Z]+", lambda capitals: capitals.group().lower(), text)
        end = lower.find("</" + tag, position)
        if end < 0:
            unclosed.add(tag)
            continue
        if tag == "ref":
            again = lower.find("<ref", position, end)
            if again >= 0 and not lower.startswith("<references", again):
                line = text.find("\n", position, again)
                position = again if line < 0 else line  # never closed: the next one begins before it ends
                continue
        inner = text[position:end]
        closing = text.find(">", end)
        position = closing + 1 if closing >= 0 else len(text)
        parts.append(_replacement(tag, inner))
    parts.append(text[position:])
    return _LEFTOVER.sub("", "".join(parts))


def _replacement(tag: str, inner: str) -> str:
    if tag == "nowiki":
        return protect(html.unescape(inner))
    if tag in {"math", "chem", "ce"}:
        return protect(plain_formula(inner))
    if tag == "poem":
        return "\n\n" + inner.strip().replace("\n", LINE_BREAK) + "\n\n"
    return "\n" if tag in {"gallery", "syntaxhighlight", "source", "pre"} else ""
