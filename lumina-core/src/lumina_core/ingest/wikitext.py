"""Wikitext to plain text with sections, links and categories. No markup is left in the text.

A scanner of our own: building mwparserfromhell's tree alone runs at less than the 1 MB/s that keeps reading a dump
a side issue beside embedding it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lumina_core.documents import Section
from lumina_core.ingest.blocks import Block, assemble, summarise
from lumina_core.ingest.wikimarkup.inline import clean_inline, tidy
from lumina_core.ingest.wikimarkup.opaque import remove_opaque
from lumina_core.ingest.wikimarkup.page import PageNotes, WikiNames
from lumina_core.ingest.wikimarkup.scanner import scan
from lumina_core.ingest.wikimarkup.sections import read_blocks, without_citations

__all__ = ["ParsedPage", "WikiNames", "parse_wikitext", "redirect_target"]

_REDIRECT = re.compile(
    r"\s*#(?:redirect|weiterleitung|redirection|redirección|redireccion|rinvia|doorverwijzing|patrz|перенаправление|"
    r"перенаправлення|omdirigering|ohjaus|redirecionamento|přesměruj|átirányítás|yönlendirme|تحويل|重定向|転送|넘겨주기)"
    r"\s*:?\s*\[\[\s*:?([^\[\]|{}\n]{1,300})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """What an `Article` needs from its wikitext. `summary` is the start of the lead, cut at a sentence's end."""

    text: str
    summary: str
    sections: tuple[Section, ...]
    links: tuple[str, ...]
    categories: tuple[str, ...]
    wikidata: str | None


def redirect_target(wikitext: str) -> str | None:
    """The title a page redirects to, as written there (perhaps with a fragment); None for an ordinary page."""
    found = _REDIRECT.match(wikitext[:2000])
    return found[1].strip() if found else None


def parse_wikitext(wikitext: str, *, title: str = "", names: WikiNames | None = None) -> ParsedPage:
    """Parse one page. Takes time linear in its length and raises nothing, whatever the text holds."""
    notes = PageNotes(title, names or WikiNames.from_namespaces({}))
    text = scan(remove_opaque(wikitext.replace("\r\n", "\n")), notes)
    blocks = without_citations(read_blocks(tidy(clean_inline(text))))
    if facts := [*notes.infobox, *notes.infobox_parts]:
        blocks.insert(1, Block("Infobox", 2, ["\n".join(dict.fromkeys(facts))]))
    plain, sections = assemble(blocks)
    return ParsedPage(
        plain, summarise(plain, sections), sections, tuple(notes.links), tuple(notes.categories), notes.wikidata
    )
