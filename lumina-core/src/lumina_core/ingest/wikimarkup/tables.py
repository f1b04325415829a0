"""Wiki tables: small, regular data tables become one line a row; everything else is left out."""

from __future__ import annotations

import re

from lumina_core.ingest.wikimarkup.inline import clean_inline, tidy
from lumina_core.ingest.wikimarkup.opaque import LINE_BREAK

__all__ = ["render_table"]

_MAX_ROWS, _MAX_COLUMNS, _MAX_CELL_CHARACTERS = 80, 8, 160
_ATTRIBUTES = re.compile(r"^[^|\n]*=\s*[\"']?[^|\n]*\|(?!\|)")
_SPANNING = re.compile(r"\b(?:colspan|rowspan)\s*=", re.IGNORECASE)
_TELLS_NOTHING = frozenset({"category", "image", "file", "name", "no.", "#"})
_WORDS = re.compile(r"\w")


def render_table(body: str) -> str:
    """Render what stands between `{|` and `|}` as lines such as `City: Mobile; Population: 195,111.`; no more than
    a line break where it cannot be told so."""
    first, _, rest = body.partition("\n")
    if "wikitable" not in first.lower() or _SPANNING.search(rest) or len(rest) > 60_000:
        return "\n"
    rows = [row for row in _rows(rest) if row]
    if len(rows) < 3 or len(rows) > _MAX_ROWS:
        return "\n"
    header = rows[0]
    width = len(header)
    if not 2 <= width <= _MAX_COLUMNS or not all(is_header and _WORDS.search(text) for is_header, text in header):
        return "\n"
    lines = []
    for row in rows[1:]:
        if len(row) != width:
            return "\n"
        cells = [
            _labelled(name, text)
            for (_, name), (_, text) in zip(header, row, strict=True)
            if _WORDS.search(text) and name
        ]
        if any(len(cell) > _MAX_CELL_CHARACTERS for cell in cells):
            return "\n"
        if len(cells) >= 2:
            lines.append("; ".join(cells).rstrip(".") + ".")
    return "\n\n" + LINE_BREAK.join(lines) + "\n\n"


def _labelled(name: str, text: str) -> str:
    name = name.replace(", ", " ").strip(" :")
    return text if name.lower() in _TELLS_NOTHING else f"{name}: {text}"


def _rows(body: str) -> list[list[tuple[bool, str]]]:
    rows: list[list[tuple[bool, str]]] = [[]]
    for line in body.split("\n"):
        stripped = line.strip()
        if stripped.startswith("|-"):
            rows.append([])
        elif stripped.startswith("|+"):
            continue
        elif stripped.startswith("!"):
            rows[-1].extend((True, _cell(cell)) for cell in re.split(r"!!|\|\|", stripped[1:]))
        elif stripped.startswith("|"):
            rows[-1].extend((False, _cell(cell)) for cell in stripped[1:].split("||"))
        elif stripped and rows[-1]:
            is_header, text = rows[-1][-1]
            rows[-1][-1] = (is_header, tidy(clean_inline(f"{text} {stripped.lstrip('*#:; ')}")))
    return rows


def _cell(raw: str) -> str:
    text = tidy(clean_inline(_ATTRIBUTES.sub("", raw)))
    return " ".join(text.replace(LINE_BREAK, ", ").replace("|", " ").split()).strip(" ,;")
