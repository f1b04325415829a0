from __future__ import annotations
from lumina_core.ingest.wikimarkup.infobox import infobox_lines
from lumina_core.ingest.wikimarkup.page import PageNotes


def render_template(arguments: list[str], notes: PageNotes) -> str:
    name = arguments[0].strip().replace("_", " ").lower()
    if name.startswith("infobox"):
        named = dict((k.strip(), v.strip()) for k, _, v in (a.partition("=") for a in arguments[1:]))
        for l in infobox_lines(name, named):
            notes.infobox.setdefault(l)
    return arguments[-1] if name.startswith(("lang", "nowrap")) else ""
