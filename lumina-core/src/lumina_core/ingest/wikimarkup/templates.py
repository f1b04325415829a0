"""Templates: those that stand for words become their words, infoboxes become facts, all others vanish.

A dump does not carry its templates' definitions, so the ones that matter in running text are known here by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lumina_core.ingest.wikimarkup.arguments import Arguments
from lumina_core.ingest.wikimarkup.dates import render_date
from lumina_core.ingest.wikimarkup.infobox import infobox_lines
from lumina_core.ingest.wikimarkup.languages import language_name
from lumina_core.ingest.wikimarkup.opaque import LINE_BREAK, protect
from lumina_core.ingest.wikimarkup.page import PageNotes
from lumina_core.ingest.wikimarkup.units import render_convert, render_money, render_value

__all__ = ["render_template"]

Renderer = Callable[[Arguments], str]

_SPACES = re.compile(r"[\s_]+")
_COLUMN = re.compile(r"col\d$|list\d?$|content$")
_WIDTH = re.compile(r"\d{1,3}(?:\.\d+)?\s*(?:em|px|%)?$")
_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?$")


def render_template(raw: list[str], notes: PageNotes) -> str:
    """Render one template, given what stands between its bars, the name first."""
    name = _SPACES.sub(" ", raw[0]).strip().lower()
    if ":" in name and (rendered := _parser_function(name, raw)) is not None:
        return rendered
    if name.startswith("template:"):
        name = name[9:].strip()
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    if name in _DROPPED_FAST:
        return ""
    arguments = Arguments(raw[1:])
    if renderer := _RENDERERS.get(name):
        return renderer(arguments)
    if name.startswith(_INFOBOX_PREFIXES) or name.endswith(" infobox"):
        part_of_another = "/" in name
        (notes.infobox_parts if part_of_another else notes.infobox).update(
            dict.fromkeys(infobox_lines(arguments.named))
        )
        return ""
    if name in _HATNOTES:
        for target in arguments.filled():
            notes.add_link(target)
        return ""
    if name in _WIKIDATA:
        notes.add_wikidata(arguments.first("qid", "d", "wikidata", "from") or arguments.at(0))
        return ""
    if name in _LINKED:
        return _linked(arguments, notes)
    if name in _PAGE_NAMES:
        return notes.title
    if name.startswith(("lang-", "lang ")):
        return _of_language(name[5:].strip(), arguments.at(0))
    return _less_common(name, arguments)


def _less_common(name: str, arguments: Arguments) -> str:
    for rendered in (render_date(name, arguments), render_money(name, arguments)):
        if rendered is not None:
            return rendered
    return ""


def _parser_function(name: str, raw: list[str]) -> str | None:
    function, _, value = name.partition(":")
    if function in {"formatnum", "lc", "uc", "lcfirst", "ucfirst", "nowrap"}:
        value = raw[0].partition(":")[2].strip()
        if function == "formatnum" and _PLAIN_NUMBER.match(value):
            return f"{float(value):,.{len(value.partition('.')[2])}f}"
        changed = {"lc": value.lower(), "uc": value.upper(), "ucfirst": value[:1].upper() + value[1:]}
        return changed.get(function, value)
    if function.startswith("#") or function in {
        "defaultsort",
        "displaytitle",
        "subst",
        "safesubst",
        "padleft",
        "plural",
    }:
        return ""
    return None


def _linked(arguments: Arguments, notes: PageNotes) -> str:
    """`{{ill|Title|de|Titel}}`: an article that this wiki may not have yet."""
    target = arguments.at(0)
    notes.add_link(target)
    return arguments.first("lt", "display", "text") or target


def _of_language(code: str, text: str) -> str:
    name = language_name(code)
    return f"{name}: {text}" if name and text else text


def _first(arguments: Arguments) -> str:
    return arguments.positional[0] if arguments.positional else ""


def _second(arguments: Arguments) -> str:
    return arguments.at(1)


def _last(arguments: Arguments) -> str:
    return arguments.filled()[-1] if arguments.filled() else ""


def _joined(arguments: Arguments) -> str:
    return "".join(arguments.filled())


def _spaced(arguments: Arguments) -> str:
    return " ".join(arguments.filled())


def _commas(arguments: Arguments) -> str:
    return ", ".join(arguments.filled())


def _items(arguments: Arguments) -> str:
    """A list given as arguments; a single argument may hold list markup of its own."""
    filled = [item for item in arguments.filled() if not _WIDTH.match(item)]
    filled += [value for key, value in arguments.named.items() if _COLUMN.match(key) and value]
    if len(filled) == 1 and filled[0].startswith(("*", "#")):
        return f"\n{filled[0]}\n"
    if any(item.startswith("*") for item in filled):
        return "\n" + "\n".join(filled) + "\n"
    return LINE_BREAK.join(filled)


def _crew(arguments: Arguments) -> str:
    lines = []
    for place in range(1, 13):
        who = arguments.first(f"crew{place}_up", f"crew{place}", f"crew{place}_down")
        if (position := arguments.first(f"position{place}")) and who:
            lines.append(f"{position}: {who}")
    return f"\n\n{LINE_BREAK.join(lines)}\n\n"


def _quote(arguments: Arguments) -> str:
    text = arguments.first("text", "quote", "1", "content") or arguments.at(0)
    author = arguments.first("author", "by", "sign", "person") or arguments.at(1)
    text = text.strip()
    return f"\n\n{text}{f' — {author}' if author and text else ''}\n\n" if text else ""


def _poem(arguments: Arguments) -> str:
    return f"\n\n{(arguments.first('text') or arguments.at(0)).replace(chr(10), LINE_BREAK)}\n\n"


def _fraction(arguments: Arguments) -> str:
    parts = arguments.filled()
    if len(parts) == 3:
        return f"{parts[0]} {parts[1]}/{parts[2]}"
    return "/".join(parts) if len(parts) == 2 else f"1/{parts[0]}" if parts else ""


def _as_of(arguments: Arguments) -> str:
    if alternative := arguments.first("alt"):
        return alternative
    parts = arguments.filled()[:3]
    months = "January February March April May June July August September October November December".split()
    if len(parts) > 1 and parts[1].isdigit() and 1 <= int(parts[1]) <= 12:
        parts[1] = months[int(parts[1]) - 1]
    day_first = arguments.named.get("df", "").lower() != "us"
    if len(parts) == 3:
        when = f"{parts[2]} {parts[1]} {parts[0]}" if day_first else f"{parts[1]} {parts[2]}, {parts[0]}"
    else:
        when = " ".join(reversed(parts))
    phrase = "since" if "since" in arguments.named else "as of"
    return f"{phrase if 'lc' in arguments.named else phrase.capitalize()} {when}"


def _circa(arguments: Arguments) -> str:
    parts = arguments.filled()
    return f"c. {'–'.join(parts[:2])}" if parts else "c."


def _sic(arguments: Arguments) -> str:
    words = arguments.filled()
    return "".join(words[:2]) if words else "[sic]"


def _nihongo(arguments: Arguments) -> str:
    english, *others = (arguments.at(place) for place in range(3))
    inside = ", ".join(word for word in others if word)
    if not english:
        return inside
    return f"{english} ({inside})" if inside else english


def _marriage(arguments: Arguments) -> str:
    years = "–".join(word for word in (arguments.at(1), arguments.at(2)) if word)
    return f"{arguments.at(0)} ({years})" if years else arguments.at(0)


def _ship(prefix: str) -> Renderer:
    return lambda arguments: f"{prefix} {arguments.at(0)}"


def _chemical(arguments: Arguments) -> str:
    return "".join(argument.strip().lstrip("|") for argument in arguments.positional)


def _power(arguments: Arguments) -> str:
    return f"{arguments.at(0)}^{arguments.at(1)}" if arguments.at(1) else arguments.at(0)


def _times_ten(arguments: Arguments) -> str:
    return f"×10^{arguments.at(0).replace('-', '−')}"


def _sorted_number(arguments: Arguments) -> str:
    value = arguments.at(0)
    return f"{int(value):,}" if value.isdigit() and len(value) > 4 else value


def _definition(arguments: Arguments) -> str:
    return f"\n: {arguments.first('defn', '1') or _first(arguments)}\n"


def _term(arguments: Arguments) -> str:
    return f"\n; {arguments.first('term', '1') or _first(arguments)}\n"


def _bible(arguments: Arguments) -> str:
    words = [word for word in arguments.filled()[:3] if word]
    return " ".join(words)


def _link_language(arguments: Arguments) -> str:
    return _of_language(arguments.at(0), arguments.at(1))


def _literally(arguments: Arguments) -> str:
    return "lit. " + " or ".join(f"'{word}'" for word in arguments.filled())


def _table_by_name() -> dict[str, Renderer]:
    table: dict[str, Renderer] = {}
    for names, renderer in _BY_RENDERER:
        for name in names.split("|"):
            table[name] = renderer
    return table


_BY_RENDERER: tuple[tuple[str, Renderer], ...] = (
    ("nowrap|nobr|nowraplinks|no wrap|small|smaller|smalldiv|big|large|larger|huge|nobold|noitalic|normal|"
     "nbsp2|sc|sc2|smallcaps|small caps|"
     "center|left|right|strong|em|bold|italic|italics|i|b|mvar|math|var|code|tt|kbd|samp|mono|monospace|"
     "key press|vanchor|visible anchor|"
     "text|sub|su|sup|underline|u|ins|plain text|not a typo|notatypo|proper name|typo|as written|abbr|tooltip|"
     "abbrv|h:title|"
     "hover title|define|flag|flagcountry|flagu|flag country|flagathlete|country|flagcountry2|noflag|linktext1|"
     "url|official url|uri|ruby|"
     "black|blue|red|green|white|gray|bigger|resize1|align1|pad|unicode|polytonic|hebrew|arabic|bracket1|zwnj|"
     "no italic|"
     "currency1|overline|strikethrough|s|highlight|mark|nobreak|nowiki2|noprint|no spam|big text|bquote1|gr1|"
     "char|script1|"
     "bibleref|bibleref2|bibleref2-nb|bibleref2c|dubious span|cslist1|font|larger font|unbullet|italic title2|film|"
     "tq|talk quote inline|sfrac1|plainlist1|block indent|blockindent|indented|quote without source|army1|"
     "multicol1|ordinal1", _first),
    ("lang|transl|transliteration|script|nastaliq|rtl-lang|wikt-lang|native name|native phrase|nativename|"
     "align|color|colour|font color|resize|fontsize|"
     "sort|hidden sort key|shs|nts2|bgcolor|aligned|rtl|ltr|my|text color|colored link|fs|size", _last),
    ("keypress|key", lambda arguments: "+".join(arguments.filled())),
    ("linktext|gaps|gap|chem2|radic1|letterspacing|pinyin|zh-full", _joined),
    ("spaceflight crew", _crew),
    ("sortname", lambda arguments: f"{arguments.at(0)} {arguments.at(1)}"),
    ("hlist|cslist|flatlist|comma separated entries|ubl2|hlist-comma|unbulleted list inline|pagelist", _commas),
    ("plainlist|plain list|unbulleted list|ubl|ublist|unbulleted|vunblist|bulleted list|blist|bulletedlist|"
     "ordered list|numbered list|"
     "flatlist2|startflatlist|collapsible list|columns-list|columns|multicol|small list|olist|cmn|col-list|"
     "longlist|div col|columns list|ubli", _items),
    ("quote|blockquote|quotation|cquote|bquote|rquote|centered pull quote|pull quote|quote1|long quote|"
     "block quote|bq|verse translation|"
     "imagequote", _quote),
    ("poemquote|poem quote|poem", _poem),
    ("convert|cvt|convinfobox|convert/old|ct|height2", render_convert),
    ("val", render_value),
    ("frac|fraction|fract|sfrac|sfraction|⅓", _fraction),
    ("as of|asof|update after2|as of since", _as_of),
    ("circa|c.|ca.|approx|ca|c|circ", _circa),
    ("floruit|fl.|fl", lambda arguments: f"fl. {'–'.join(arguments.filled()[:2])}"),
    ("reign|r.|ruled", lambda arguments: f"r. {'–'.join(arguments.filled()[:2])}"),
    ("born-in|b.", lambda arguments: f"b. {arguments.at(0)}"),
    ("died-in|d.", lambda arguments: f"d. {arguments.at(0)}"),
    ("sic|as is", _sic),
    ("nihongo|nihongo2|nihongo3|nihongo foot|nihongo krt", _nihongo),
    ("korean|hangul", _first),
    ("marriage|married", _marriage),
    ("chem|chemical formula|chemf|ce", _chemical),
    ("pow|exp", _power),
    ("e|×10^|10^|esp", _times_ten),
    ("nts|number table sorting|ntsh1|formatnum|number|format price|num|commas|sort number|formatprice", _sorted_number),
    ("radic|sqrt|√", lambda arguments: f"√{arguments.at(0)}"),
    ("angbr|angle bracket|grapheme|angbr ipa", lambda arguments: f"⟨{arguments.at(0)}⟩"),
    ("bracket|brackets", lambda arguments: f"[{arguments.at(0)}]"),
    ("defn|definition", _definition),
    ("term", _term),
    ("bibleverse|bible verse|bibleverse-lb|sourcetext|cite quran|qref", _bible),
    ("langx|lang-x|lang2", _link_language),
    ("literal translation|lit|literally|lit.|literal", _literally),
    ("nuclide|nuclide2|simplenuclide|simplenuclide2|simplenuclide link|simple nuclide",
     lambda arguments: "-".join(arguments.filled()[:2])),
    ("ship", lambda arguments: " ".join(arguments.filled()[:2])),
    ("uss", _ship("USS")), ("hms", _ship("HMS")), ("ss", _ship("SS")), ("rms", _ship("RMS")), ("mv", _ship("MV")),
    ("hmcs", _ship("HMCS")),
    ("hmas", _ship("HMAS")), ("usns", _ship("USNS")), ("ins", _ship("INS")), ("sms", _ship("SMS")),
    ("css", _ship("CSS")), ("usat", _ship("USAT")),
    ("music", lambda arguments: {"sharp": "♯", "flat": "♭", "natural": "♮", "#": "♯", "b": "♭"}.get(arguments.at(0),
    "")),
    ("height", lambda arguments: " ".join(f"{value} {unit}" for unit,
    value in arguments.named.items() if unit in {"m", "cm", "ft", "in"})),
    ("age|age in years", lambda arguments: ""),
    ("distinguish2|abbrlink", _first),
    ("see below|see above|crossref|crossreference", lambda arguments: ""),
    ("army|navy|air force|marine|flagdeco2", _first),
    ("bce|bc", lambda arguments: f"{arguments.at(0)} BC"), ("ce year|ad", lambda arguments: f"AD {arguments.at(0)}"),
    ("mya|ma", lambda arguments: f"{'–'.join(arguments.filled())} million years ago"),
    ("railgauge|track gauge", lambda arguments: {"sg": "1,435 mm", "standard": "1,435 mm", "meter": "1,000 mm"}.get(
        arguments.at(0).lower(), arguments.at(0))),
    ("!(", lambda arguments: "["), (")!", lambda arguments: "]"),
)  # fmt: skip

_RENDERERS: dict[str, Renderer] = _table_by_name()

_CONSTANTS: dict[str, str] = {
    "nbsp": " ", "spaces": " ", "thinsp": " ", "thin space": " ", "hairsp": "", "hair space": "", "space": " ",
    "emsp": " ", "ensp": " ",
    "ndash": "–", "endash": "–", "en dash": "–", "mdash": "—", "emdash": "—", "em dash": "—", "mdashb": "—",
    "snd": " – ", "snds": " – ", "spnd": " – ",
    "spaced ndash": " – ", "spaced en dash": " – ", "dash": " – ", "–": " – ", "—": "—", "spaced mdash": " — ",
    "snds2": " – ",
    "·": ", ", "dot": ", ", "middot": ", ", "bull": ", ", "bullet": ", ", "•": ", ", "interpunct": ", ", ",": ", ",
    "*": ", ",
    "'": "'", "' \"": "'\"", "\" '": "\"'", "-\"": "\"", "'s": "'s", "' '": "''"[:1], "-'": "'", "apostrophe": "'",
    "\"'": "\"'", "'\"": "'\"",
    "=": "=", "equals": "=", "!": "|", "pipe": protect("|"), "!!": "||", "!-": "|-", "(!": "", "!)": "",
    "okina": "ʻ", "hamza": "ʼ", "ayin": "ʽ", "asper": "ʽ", "shy": "", "wbr": "", "zwj": "", "zwsp": "",
    "break": LINE_BREAK, "br": LINE_BREAK,
    "crlf": LINE_BREAK, "crlf2": LINE_BREAK, "indent": " ", "degree": "°", "deg": "°", "prime": "′", "pprime": "″",
    "minus": "−", "times": "×", "x": "×",
    "euro": "€", "pound": "£", "cent": "¢", "-": "", "clear": "", "pi": "π", "tau": "τ", "phi": "φ", "lambda": "λ",
    "sqrt": "√", "alpha": "α",
    "beta": "β", "gamma": "γ", "hbar": "ħ", "infin": "∞", "dagger": "†", "paragraph break": "\n\n", "pb": "\n\n",
    "parabr": "\n\n", "para": "\n\n",
    "extinct": "†", "en space": " ", "em space": " ", "nbhyph": "-", "nbhyphen": "-", "hyphen": "-", "colon": ":",
    "semicolon": ";", "lbrack": "[", "rbrack": "]",
}  # fmt: skip

_DROPPED_FAST = frozenset(
    "cite web|cite book|cite journal|cite news|cite encyclopedia|citation|harvnb|sfn|sfnp|rp|citation needed|"
    "cn|reflist|refbegin|refend|"
    "efn|refn|flagicon|use dmy dates|use mdy dates|authority|ipac-en|ipa|respell|coord|portal|wayback|"
    "dead link|commons category".split("|")
)
_INFOBOX_PREFIXES = ("infobox", "geobox", "infotaula", "ficha de")
_HATNOTES = frozenset(
    "main|main article|main articles|see also|further|further information|details|details3|see|seealso|"
    "see also2|broader|hatnote main|related articles|"
    "main list|furtherinfo|more|redirect|about|for|other uses|distinguish".split("|")
) - frozenset({"redirect", "about", "for", "other uses", "distinguish"})
_WIKIDATA = frozenset(
    "wikidata|authority control|wikidata entity|wikidata-inline|sister project links|sister project|"
    "sister projects|subject bar|wikibase|sisterlinks|wikimedia".split("|")
)
_LINKED = frozenset(
    "ill|interlanguage link|interlanguage link multi|illm|ill2|link-interwiki|red link|redlink".split("|")
)
_PAGE_NAMES = frozenset("pagename|fullpagename|basepagename|subpagename|pagename-short".split("|"))
