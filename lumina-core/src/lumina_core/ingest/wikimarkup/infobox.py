"""Infoboxes: the facts people ask for, as lines such as `Capital: Montgomery.`"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lumina_core.ingest.wikimarkup.inline import clean_inline, tidy
from lumina_core.ingest.wikimarkup.opaque import LINE_BREAK, expose

__all__ = ["infobox_lines"]

_MAX_VALUE_CHARACTERS = 300

_LEFT_OUT = re.compile(
    r"image|img|photo|picture|(?<!per)map|caption|alt$|(?<!population_)size|width|height_?px|logo|flag|coat|"
    r"seal|emblem|"
    r"signature|colou?r|style|css|footnote|notes?$|note\d|ref$|refs$|_ref|coord|lat_|long_|lat[dms]?\d?$|"
    r"long[dms]?\d?$|"
    r"latns|longew|latitude|longitude|website|url|homepage|module|embed|border|align|format|link|class$|show|hide|"
    r"type_?code|iso|tld|pushpin|sound|audio|anthem_?file|(?:^|_)rank$|rank\d*$|utc_offset|dst|calling|drives|"
    r"gini|hdi|icd|omim|"
    r"mesh|diseasesdb|medline|emedicine|genereviews|_wiki|wikidata|isbn|oclc|dewey|congress|imdb|amg|_id$|^id$|"
    r"template|"
    r"title_?bar|italic|sovereignty_note|child|nocat|suffix|prefix|pronunc|ipa|postal|area_?code|country_code|"
    r"zip|preceded|"
    r"succeeded|predecessor|successor|^[ps]\d+$|symbol_type|common_name|conventional|ethnic_groups_year|satcat|apsis|"
    r"settlement_type|regional_code|native_name_lang|lengthus|widthus|insignia|area_magnitude|tz\d?where|route_?marker|"
    r"quarter|^time_?zone_|currency_code|languages\d?_(?:sub|type)|_cat$|bodyclass|^name$|magnitude|gdp_.*_rank|cctld"
)
_PAIRS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), other)
    for pattern, other in (
        (r"^leader_title(\d*)$", "leader_name{0}"),
        (r"^established_event(\d*)$", "established_date{0}"),
        (r"^established_title(\d*)$", "established_date{0}"),
        (r"^subdivision_type(\d*)$", "subdivision_name{0}"),
        (r"^label(\d+)$", "data{0}"),
        (r"^blank(\d*)_name$", "blank{0}_info"),
        (r"^blank_name(\d*)$", "blank_info{0}"),
    )
)
_LABELS = {
    "fullname": "Full name", "officiallang": "Official language", "largestcity": "Largest city",
    "birthplace": "Birth place",
    "largestmetro": "Largest metropolitan area", "upperhouse": "Upper house", "lowerhouse": "Lower house",
    "birthdate": "Birth date",
    "totalarea": "Total area", "totalareaus": "Total area", "landarea": "Land area", "landareaus": "Land area",
    "deathdate": "Death date",
    "waterarea": "Water area", "waterareaus": "Water area", "pcwater": "Percent water", "highestpoint": "Highest point",
    "highestelev": "Highest elevation", "highestelevus": "Highest elevation", "meanelev": "Mean elevation",
    "deathplace": "Death place",
    "meanelevus": "Mean elevation", "lowestpoint": "Lowest point", "lowestelev": "Lowest elevation",
    "birthname": "Birth name",
    "lowestelevus": "Lowest elevation", "medianhouseholdincome": "Median household income", "almamater": "Alma mater",
    "admittancedate": "Admitted to the Union", "admittanceorder": "Order of admission to the Union",
    "largestcounty": "Largest county",
    "notableworks": "Notable works", "namedafter": "Named after", "tradabbreviation": "Traditional abbreviation",
    "timezone": "Time zone",
    "coproducer": "Co-producer", "runtime": "Running time", "gdp_ppp": "GDP (PPP)",
    "gdp_ppp_per_capita": "GDP (PPP) per capita",
    "gdp_nominal": "GDP (nominal)", "gdp_nominal_per_capita": "GDP (nominal) per capita",
    "percent_water": "Percent of water",
    "title_orig": "Original title", "former": "Former name", "releasedate": "Release date",
    "pub_date": "Publication date",
}  # fmt: skip
_UNITS_OF = {
    "totalarea": "km²", "totalareaus": "sq mi", "landarea": "km²", "landareaus": "sq mi", "waterarea": "km²",
    "waterareaus": "sq mi",
    "highestelev": "m", "highestelevus": "ft", "meanelev": "m", "meanelevus": "ft", "lowestelev": "m",
    "lowestelevus": "ft",
    "pcwater": "%", "percent_water": "%", "length": "km", "width": "km",
}  # fmt: skip
_UNITS = {"km2": "km²", "sq_mi": "sq mi", "sqmi": "sq mi", "m": "m", "ft": "ft", "km": "km", "mi": "mi"}

_NUMBERED = re.compile(r"_?\d+$")
_CENSUS = re.compile(r"^\d{4}(pop|density|densityus)$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNIT = re.compile(r"_(km2|sq_mi|sqmi|m|ft|km|mi)$")
_LIST_MARK = re.compile(r"^[*#:;]+\s*", re.MULTILINE)
_FOOTNOTE = re.compile(r"<sup\b[^<>]*>\s*\[?[a-z]{1,2}\]?\s*</sup\s*>", re.IGNORECASE)
_FILE_NAME = re.compile(r"\.(?:png|jpe?g|svg|gif|ogg|oga|ogv|webm|webp|tiff?|pdf|djvu|mid)\b", re.IGNORECASE)
_MARKUP = re.compile(r"[{}\[\]|<>]|==|''|\w+=|&\w+;")
_EMPTY_VALUES = frozenset({"yes", "no", "none", "n/a", "true", "false", "y", "n", "auto"})
_WORDS = re.compile(r"\w")
_YEAR = re.compile(r"^\d{4}$")
_LONG_NUMBER = re.compile(r"^\d{5,12}$")


def infobox_lines(named: Mapping[str, str]) -> list[str]:
    """Choose and clean an infobox's parameters. Values that do not come out clean are left out."""
    facts = {_CAMEL.sub("_", key).replace(" ", "_").lower(): value for key, value in named.items()}
    values = {key: cleaned for key, value in facts.items() if value and (cleaned := _value(value))}
    used: set[str] = set()
    lines: dict[str, None] = {}
    for key, value in values.items():
        if key in used:
            continue
        label, text = _paired(key, value, values, used) or _plain(key, value, values)
        label = " ".join(label.replace("_", " ").split()).strip(" :.,")
        if text and 1 < len(label) <= 60:
            lines[f"{label[:1].upper()}{label[1:]}: {text}{'' if text[-1] in '.!?' else '.'}"] = None
    return list(lines)


def _paired(key: str, value: str, values: Mapping[str, str], used: set[str]) -> tuple[str, str] | None:
    """`leader_title1 = President` with `leader_name1 = …` is one fact."""
    for pattern, other in _PAIRS:
        if found := pattern.match(key):
            other_key = other.format(*found.groups())
            used.update((key, other_key))
            return value, values.get(other_key, "")
    return None


def _plain(key: str, value: str, values: Mapping[str, str]) -> tuple[str, str]:
    if _LEFT_OUT.search(key) or key.endswith("_year") or re.search(r"(_type|_title|_label)\d*$", key):
        return "", ""
    if value.lower() in _EMPTY_VALUES or _FILE_NAME.search(value):
        return "", ""
    if value.lower() == "capital" and "capital" in values:
        value = values["capital"]
    unit = _UNITS_OF.get(key, "")
    label = key
    if census := _CENSUS.match(key):
        label = "Population" if census[1] == "pop" else "Population density"
        unit = {"pop": "", "density": "per km²", "densityus": "per sq mi"}[census[1]]
    elif found := _UNIT.search(key):
        label = key[: found.start()]
        unit = ("per " if "density" in key else "") + _UNITS[found[1]]
    text = f"{int(value):,}" if _LONG_NUMBER.match(value) and unit else value
    if unit and value[-1].isdigit():
        text += unit if unit == "%" else f" {unit}"
    year = values.get(f"{key}_year", "")
    if _YEAR.match(year):
        text = f"{text} ({year})"
    return _LABELS.get(label) or _LABELS.get(_NUMBERED.sub("", label)) or _NUMBERED.sub("", label), text


def _value(raw: str) -> str:
    text = expose(tidy(clean_inline(_FOOTNOTE.sub("", raw))))
    lines = _LIST_MARK.sub("", text.strip()).replace(LINE_BREAK, "\n").split("\n")
    value = ", ".join(piece for line in lines if (piece := " ".join(line.split()).strip(" ,;•·")))
    value = re.sub(r"([,:(;])\s*,", r"\1", value)
    value = re.sub(r",\s*(?=\()", " ", value)
    if len(value) > _MAX_VALUE_CHARACTERS or not _WORDS.search(value) or _MARKUP.search(value):
        return ""
    return value
