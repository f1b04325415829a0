"""Second pass: templates, links and tables, innermost first, in one walk with a stack.

Linear in the length of the text: every sign is seen once, and nesting deeper than MediaWiki itself allows is not
followed. Whatever is never closed gives its readable words back to the text around it.
"""

from __future__ import annotations

import re

from lumina_core.ingest.wikimarkup.links import render_link
from lumina_core.ingest.wikimarkup.page import PageNotes
from lumina_core.ingest.wikimarkup.tables import render_table
from lumina_core.ingest.wikimarkup.templates import render_template

__all__ = ["scan"]

_MAX_DEPTH = 40
_TEMPLATE, _LINK, _TABLE = 0, 1, 2
_TOKEN = re.compile(r"^[ \t:*#]*\{\|(?!\})|^[ \t]*\|\}(?!\}(?!\}))|\||\[\[|\]\]|\{\{+|\}\}+", re.MULTILINE)
_PARAMETER_LINE = re.compile(r"\s*(?:[|!]|[\w .-]{1,40}=)")


class _Frame:
    __slots__ = ("arguments", "kind", "parts")

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.arguments: list[str] = []
        self.parts: list[str] = []


def scan(text: str, notes: PageNotes) -> str:
    """Replace templates, links and tables by their text; what they tell about the page goes into `notes`."""
    root = _Frame(_TABLE)
    stack = [root]
    top = root
    position = 0
    for found in _TOKEN.finditer(text):
        start = found.start()
        sign = found.group()
        if start < position:
            continue
        if start > position:
            top.parts.append(text[position:start])
        position = found.end()
        if sign == "|":
            if top.kind == _TABLE:
                top.parts.append("|")
            else:
                top.arguments.append("".join(top.parts))
                top.parts = []
        elif sign == "[[":
            if len(stack) <= _MAX_DEPTH:
                top = _Frame(_LINK)
                stack.append(top)
        elif sign == "]]":
            if top.kind == _LINK:
                stack.pop()
                top.arguments.append("".join(top.parts))
                rendered = render_link(top.arguments, notes)
                top = stack[-1]
                top.parts.append(rendered)
        elif sign[0] == "{" and sign[1] == "{":
            for _ in range(min(len(sign) // 2, _MAX_DEPTH + 1 - len(stack))):
                top = _Frame(_TEMPLATE)
                stack.append(top)
        elif sign[0] == "}":
            for _ in range(len(sign) // 2):
                if not any(frame.kind == _TEMPLATE for frame in stack):
                    break
                while stack[-1].kind != _TEMPLATE:
                    _give_back(stack)
                top = stack.pop()
                top.arguments.append("".join(top.parts))
                rendered = render_template(top.arguments, notes)
                top = stack[-1]
                top.parts.append(rendered)
            top = stack[-1]
        elif sign[-1] == "|":
            if len(stack) <= _MAX_DEPTH:
                top = _Frame(_TABLE)
                stack.append(top)
        elif top.kind == _TABLE and top is not root:
            stack.pop()
            rendered = render_table("".join(top.parts))
            top = stack[-1]
            top.parts.append(rendered)
        elif top.kind == _TEMPLATE:  # an empty last argument and a lone brace
            top.arguments.append("".join(top.parts))
            top.parts = []
    top.parts.append(text[position:])
    while len(stack) > 1:
        _give_back(stack)
    return "".join(root.parts)


def _give_back(stack: list[_Frame]) -> None:
    """Close the innermost frame that the text never closed: its words go to the frame around it."""
    frame = stack.pop()
    body = "".join(frame.parts)
    if frame.kind == _LINK:
        words = body
    elif frame.kind == _TABLE:
        words = "\n".join(line for line in body.split("\n")[1:] if not _PARAMETER_LINE.match(line))
    elif frame.arguments:
        lines = "|".join([*frame.arguments, body]).split("\n")
        words = "\n".join(line for line in lines[1:] if not _PARAMETER_LINE.match(line))
    else:
        words = body
    stack[-1].parts.append(words)
