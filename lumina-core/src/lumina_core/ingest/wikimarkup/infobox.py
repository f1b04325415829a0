"""Infoboxes: the facts people ask for, as lines such as `Capital: Montgomery.`"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lumina_core.ingest.wikimarkup.inline import clean_inline, tidy
from lumina_core.ingest.wikimarkup.opaque import LINE_BREAK

__all__ = ["infobox_lines"]

_MAX_VALUE_CHARACTERS = 300
_LEFT_OUT = re.compile(
    r"image|img|photo|picture|map|caption|alt$|size|width|height_?px|logo|flag|coat|seal|emblem|signature|colou?r|"
    r"style|css|footnote|notes?$|note\d|ref$|refs$|_ref|coord|lat_|long_|latd|latm|lats|longd|longm|longs|lat\d?$|"
    r"long\d?$|website|url|homepage|module|embed|border|align|format|link|class$|show|hide|align|type_?code|iso|tld|"
    r"pushpin|sound|audio|anthem_?file|cctld|rank|utc_offset|dst|calling|drives|date_format|gini|hdi|icd|omim|mesh|"
    r"diseasesdb|medline|emedicine|_wiki|wikidata|isbn|oclc|dewey|congress|imdb|amg|_id$|^id$|template|title_?bar|"
    r"italic|sovereignty_note|rome?d|child|nocat|suffix|prefix|pronunc|ipa|postal|area_?code|zip|preceded|succeeded|"
    r"predecessor|successor|p\d+$|s\d+$|symbol_type|common_name|conventional|tablewidth|ethnic_groups_year|"
    r"largest_settlement_type|settlement_type|regional_code|life_expectancy|box_width|native_name_lang"
)
_PAIRS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^leader_title(\d*)$"), "leader_name{0}"),
    (re.compile(r"^established_event(\d*)$"), "established_date{0}"),
    (re.compile(r"^subdivision_type(\d*)$"), "subdivision_name{0}"),
    (re.compile(r"^established_title(\d*)$"), "established_date{0}"),
    (re.compile(r"^label(\d+)$"), "data{0}"),
    (re.compile(r"^blank(\d*)_name$"), "blank{0}_info"),
    (re.compile(r"^blank_name(\d*)$"), "blank_info{0}"),
    (re.compile(r"^languages(\d*)_type$"), "languages{0}"),
    (re.compile(r"^languages_type$"), "languages"),
)
_UNITS = {
    "km2": "km²", "sq_mi": "sq mi", "sqmi": "sq mi", "m": "m", "ft": "ft", "km": "km", "mi": "mi",
    "density_km2": "per km²", "density_sq_mi": "per sq mi",
}  # fmt: skip
_NUMBERED = re.compile(r"_?\d+$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNIT = re.compile(r"_(density_km2|density_sq_mi|km2|sq_mi|sqmi|m|ft|km|mi)$")
_LIST_MARK = re.compile(r"^[*#:;]+\s*", re.MULTILINE)
_MARKUP = re.compile(r"[{}\[\]|<>]|==|''|\w+=")
_WORDS = re.compile(r"\w")
_YEAR = re.compile(r"^\d{4}$")


def infobox_lines(named: Mapping[str, str]) -> list[str]:
    """Choose and clean an infobox's parameters. Values that do not come out clean are left out."""
    facts = {_CAMEL.sub("_", key).replace(" ", "_").lower(): value for key, value in named.items()}
    values = {key: cleaned for key, value in facts.items() if value and (cleaned := _value(value))}
    used: set[str] = set()
    lines: list[str] = []
    for key, value in values.items():
        if key in used:
            continue
        label, text = _CAMEL.sub(" ", key), value
        for pattern, other in _PAIRS:
            if found := pattern.match(key):
                other_key = other.format(*found.groups())
                used.update((key, other_key))
                label, text = value, values.get(other_key, "")
                break
        else:
            if _LEFT_OUT.search(key) or key.endswith("_year") or re.search(r"(_type|_title|_label)\d*$", key):
                continue
            if unit := _UNIT.search(key):
                label = key[: unit.start()]
                text = f"{value} {_UNITS[unit[1]]}" if value[-1].isdigit() else value
            year = values.get(f"{key}_year", "")
            if _YEAR.match(year):
                text = f"{text} ({year})"
            label = _NUMBERED.sub("", label)
        label = " ".join(label.replace("_", " ").split()).strip(" :.")
        if text and 1 < len(label) <= 60 and not (text.lower() in {"yes", "no", "none", "n/a"} and len(label) < 2):
            lines.append(f"{label[:1].upper()}{label[1:]}: {text}{'' if text[-1] in '.!?' else '.'}")
    return lines


def _value(raw: str) -> str:
    text = tidy(clean_inline(raw))
    pieces = [
        " ".join(piece.split()).strip(" ,;•·")
        for piece in _LIST_MARK.sub("", text.strip()).replace(LINE_BREAK, "\n").split("\n")
    ]
    value = ", ".join(piece for piece in pieces if piece)
    value = re.sub(r"([,:(;])\s*,", r"\1", value).replace(":, ", ": ")
    if len(value) > _MAX_VALUE_CHARACTERS or not _WORDS.search(value) or _MARKUP.search(value):
        return ""
    return value
