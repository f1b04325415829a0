"""Third pass: emphasis, HTML, external links, entities and the gaps that removed things leave behind."""

from __future__ import annotations

import html
import re

from lumina_core.ingest.wikimarkup.opaque import LINE_BREAK

__all__ = ["clean_inline", "remove_leftovers", "tidy"]

_TAG_NAMES = (
    "abbr|b|bdi|bdo|big|blockquote|body|br|caption|center|cite|code|col|colgroup|data|dd|del|dfn|div|dl|dt|em|embed|"
    "font|gallery|h[1-6]|hr|html|i|img|includeonly|ins|kbd|li|link|mark|math|meta|noinclude|nowiki|ol|onlyinclude|p|"
    "poem|pre|q|rb|ref|references|rp|rt|rtc|ruby|s|samp|section|small|source|span|strike|strong|style|sub|sup|"
    "syntaxhighlight|table|tbody|td|tfoot|th|thead|time|timeline|tr|tt|u|ul|var|wbr"
)
_BREAK = re.compile(r"\s*</?br\b[^<>\n]{0,100}>[ \t]*", re.IGNORECASE)
_BLOCK = re.compile(
    r"</?(?:p|div|blockquote|center|table|tr|ul|ol|dl|hr|h[1-6]|poem|section)\b[^<>]{0,2000}>", re.IGNORECASE
)
_ITEM = re.compile(r"<(?:li|dt|dd)\b[^<>]{0,2000}>", re.IGNORECASE)
_CELL = re.compile(r"</(?:td|th)\s*>", re.IGNORECASE)
_RAISED = re.compile(r"<sup\b[^<>]{0,2000}>\s*([-+−–]?[0-9]{1,4}[-+−]?|[-+−])\s*</sup\s*>", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_TAG_NAMES})\b[^<>]{{0,2000}}/?>", re.IGNORECASE)
_HALF_TAG = re.compile(rf"</?(?:{_TAG_NAMES})\b(?=\s|/|$)[^<>\n]{{0,200}}|</?(?:{_TAG_NAMES})>?", re.IGNORECASE)
_EXTERNAL = re.compile(
    r"\[(?:(?:https?|ftp|ftps|irc|news|git|gopher|magnet|sftp|ssh|svn)://|//|"
    r"mailto:)[^\s\[\]<>]{0,2000}([^\[\]\n]{0,2000})\]",
    re.IGNORECASE,
)
_MAGIC = re.compile(r"__[A-Z]{3,24}__")
_APOSTROPHES = re.compile(r"'{2,}")
_BOLD = re.compile(r"'{3,}")
_POSSESSIVE = re.compile(r"s\b")
_BARE_PAIRS = re.compile(r"\[\[|\]\]|\{\{+|\}\}+|\{\||\|\}|'{2,}")
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\uffff\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SUPERSCRIPT = str.maketrans("0123456789+-−–", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻")


def clean_inline(text: str) -> str:
    """Remove everything inside a line that is markup; line structure (headings, lists) stays as it is."""
    if "<" in text:
        text = _BREAK.sub(LINE_BREAK, text)
        text = _RAISED.sub(lambda found: found[1].translate(_SUPERSCRIPT), text)
        text = _ITEM.sub("\n* ", text)
        text = _CELL.sub(" ", text)
        text = _BLOCK.sub("\n\n", text)
        text = _TAG.sub("", text)
    if "[" in text:
        text = _EXTERNAL.sub(lambda found: found[1].strip(), text)
    if "__" in text:
        text = _MAGIC.sub("", text)
    if "''" in text:
        text = _APOSTROPHES.sub(_apostrophes, text)
    if "&" in text:
        text = html.unescape(html.unescape(text))
        if "<" in text:
            text = _TAG.sub("", text)
    if "<" in text:
        text = _HALF_TAG.sub("", text)
    return text


def _apostrophes(found: re.Match[str]) -> str:
    """Two are italics, three bold, five both; four are bold after an apostrophe, as MediaWiki reads them."""
    count = len(found.group())
    if count == 4:
        return "'"
    if count == 3 and _POSSESSIVE.match(found.string, found.end()):
        # ''Titanic'''s: with an odd number of threes in the line, this one closes italics before an apostrophe.
        line_end = found.string.find("\n", found.end())
        line = found.string[found.string.rfind("\n", 0, found.start()) + 1 : line_end if line_end >= 0 else None]
        if len(_BOLD.findall(line[:5000])) % 2:
            return "'"
    return "'" * (count - 5) if count > 5 and count < 7 else ""


_IN_PARENTHESES = re.compile(
    r"\(\s*(?:(?:or|and|pronounced|pronunciation|ipa|listen|locally|also|lit)\b[:.]?\s*)?[,;:/\s]*\)", re.IGNORECASE
)
_AFTER_OPENING = re.compile(r"\((?:\s*(?:or|and|pronounced|ipa)?:?\s*[,;:](?!\w))+\s*", re.IGNORECASE)
_BEFORE_CLOSING = re.compile(r"\s*(?:[,;:]\s*)+\)|\s+\)")
_AFTER_BRACKET = re.compile(r"\(\s+")
_REPEATED = re.compile(r"([,;])(?:\s*[,;])+")
_BEFORE_PUNCTUATION = re.compile(r"[ \t]+(?=[,;:.!?](?:[\s\ue000)]|$))", re.MULTILINE)
_COLON_COMMA = re.compile(r"([:/])\s*[,;](?=\s)")
_SPACED_DOTS = re.compile(r"\.(?: \.){2,}")
_EMPTY_BRACKETS = re.compile(r"\[\s*\]|\{\s*\}|“\s*”|«\s*»")


def tidy(text: str) -> str:
    """Close the gaps that removed templates and tags leave: empty parentheses, doubled or stray punctuation, spaces."""
    text = _INVISIBLE.sub("", text)
    text = _BARE_PAIRS.sub("", text)
    text = _SPACES.sub(" ", text)
    if "(" in text:
        for _ in range(3):
            shorter = _AFTER_OPENING.sub("(", _IN_PARENTHESES.sub("", text))
            if shorter == text:
                break
            text = shorter
        text = _AFTER_BRACKET.sub("(", _BEFORE_CLOSING.sub(")", text))
    text = _EMPTY_BRACKETS.sub("", text)
    text = _REPEATED.sub(r"\1", text)
    text = _COLON_COMMA.sub(r"\1", text)
    text = _SPACED_DOTS.sub("...", text)
    text = _SPACES.sub(" ", text)
    return _BEFORE_PUNCTUATION.sub("", text)


_LEFTOVERS = re.compile(
    rf"\[{{2,}}|\]{{2,}}|\{{{{2,}}|\}}{{2,}}|\{{\||\|\}}|'{{2,}}|</?(?:{_TAG_NAMES})(?![a-z])[^<>]{{0,200}}>?|<!--|-->"
    r"|&(?:nbsp|lt|gt|amp|quot|ndash|mdash|thinsp|#\d{1,7}|#x[0-9a-f]{1,6});"
    r"|\b(?:style|class|align|valign|bgcolor|colspan|rowspan|scope|width)\s*=\s*(?:\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'|\w+)",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[\[\]{}<>'|&]|\b(?:style|class)\s*=")


def remove_leftovers(text: str) -> str:
    """The last word: drop what still looks like markup, as it does where broken wikitext left halves that met."""
    for _ in range(8):
        cleaned = _LEFTOVERS.sub("", text)
        if cleaned == text:
            return text
        text = cleaned
    return _SIGNS.sub("", text)
