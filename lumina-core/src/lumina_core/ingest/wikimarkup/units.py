"""Quantities: `{{convert}}`, `{{val}}` and money."""

from __future__ import annotations

import math
import re

from lumina_core.ingest.wikimarkup.arguments import Arguments

__all__ = ["render_convert", "render_money", "render_value"]

# Symbol, dimension, size in the dimension's base unit, the unit it is turned into.
_UNITS: dict[str, tuple[str, str, float, str]] = {
    "m": ("m", "length", 1.0, "ft"), "km": ("km", "length", 1e3, "mi"), "cm": ("cm", "length", 1e-2, "in"),
    "mm": ("mm", "length", 1e-3, "in"), "um": ("μm", "length", 1e-6, "in"), "nm": ("nm", "length", 1e-9, "in"),
    "ft": ("ft", "length", 0.3048, "m"), "foot": ("ft", "length", 0.3048, "m"), "feet": ("ft", "length", 0.3048, "m"),
    "in": ("in", "length", 0.0254, "mm"), "inch": ("in", "length", 0.0254, "mm"), "yd": ("yd", "length", 0.9144, "m"),
    "mi": ("mi", "length", 1609.344, "km"), "mile": ("mi", "length", 1609.344, "km"),
    "nmi": ("nmi", "length", 1852.0, "km"), "fathom": ("fathoms", "length", 1.8288, "m"),
    "au": ("AU", "length", 149597870700.0, "km"), "ly": ("ly", "length", 9.4607304725808e15, "pc"),
    "pc": ("pc", "length", 3.0856775814913673e16, "ly"), "chain": ("chains", "length", 20.1168, "m"),
    "m2": ("m²", "area", 1.0, "sqft"), "sqm": ("m²", "area", 1.0, "sqft"), "km2": ("km²", "area", 1e6, "sqmi"),
    "sqkm": ("km²", "area", 1e6, "sqmi"), "cm2": ("cm²", "area", 1e-4, "sqin"), "ha": ("ha", "area", 1e4, "acre"),
    "acre": ("acres", "area", 4046.8564224, "ha"), "acres": ("acres", "area", 4046.8564224, "ha"),
    "sqmi": ("sq mi", "area", 2589988.110336, "km2"), "mi2": ("sq mi", "area", 2589988.110336, "km2"),
    "sqft": ("sq ft", "area", 0.09290304, "m2"), "ft2": ("sq ft", "area", 0.09290304, "m2"),
    "sqin": ("sq in", "area", 0.00064516, "cm2"), "sqyd": ("sq yd", "area", 0.83612736, "m2"),
    "m3": ("m³", "volume", 1.0, "cuft"), "km3": ("km³", "volume", 1e9, "cumi"), "cuft": ("cu ft",
    "volume", 0.028316846592, "m3"),
    "cumi": ("cu mi", "volume", 4168181825.44058, "km3"), "l": ("L", "volume", 1e-3, "usgal"), "ml": ("mL",
    "volume", 1e-6, "usfloz"),
    "usgal": ("US gal", "volume", 0.003785411784, "l"), "gal": ("US gal", "volume", 0.003785411784, "l"),
    "impgal": ("imp gal", "volume", 0.00454609, "l"), "usfloz": ("US fl oz", "volume", 2.95735295625e-5, "ml"),
    "cuin": ("cu in", "volume", 1.6387064e-5, "ml"), "cc": ("cc", "volume", 1e-6, "cuin"), "acre.ft": ("acre⋅ft",
    "volume", 1233.48183754752, "m3"),
    "oilbbl": ("bbl", "volume", 0.158987294928, "m3"), "bbl": ("bbl", "volume", 0.158987294928, "m3"),
    "kg": ("kg", "mass", 1.0, "lb"), "g": ("g", "mass", 1e-3, "oz"), "mg": ("mg", "mass", 1e-6, "gr"), "t": ("t",
    "mass", 1e3, "lb"),
    "tonne": ("t", "mass", 1e3, "lb"), "lb": ("lb", "mass", 0.45359237, "kg"), "lbs": ("lb", "mass", 0.45359237, "kg"),
    "oz": ("oz", "mass", 0.028349523125, "g"), "ton": ("tons", "mass", 907.18474, "t"), "short ton": ("short tons",
    "mass", 907.18474, "t"),
    "long ton": ("long tons", "mass", 1016.0469088, "t"), "lt": ("long tons", "mass", 1016.0469088, "t"),
    "st": ("st", "mass", 6.35029318, "kg"), "gr": ("gr", "mass", 6.479891e-5, "mg"), "troyoz": ("ozt",
    "mass", 0.0311034768, "g"),
    "km/h": ("km/h", "speed", 1 / 3.6, "mph"), "mph": ("mph", "speed", 0.44704, "km/h"), "m/s": ("m/s", "speed", 1.0,
    "ft/s"),
    "ft/s": ("ft/s", "speed", 0.3048, "m/s"), "kn": ("kn", "speed", 1852 / 3600, "km/h"), "knot": ("kn",
    "speed", 1852 / 3600, "km/h"),
    "km/s": ("km/s", "speed", 1e3, "mi/s"), "mi/s": ("mi/s", "speed", 1609.344, "km/s"),
    "w": ("W", "power", 1.0, "hp"), "kw": ("kW", "power", 1e3, "hp"), "mw": ("MW", "power", 1e6, "hp"), "hp": ("hp",
    "power", 745.6998715822702, "kw"),
    "j": ("J", "energy", 1.0, "ftlbf"), "kj": ("kJ", "energy", 1e3, "kcal"), "kcal": ("kcal", "energy", 4184.0, "kj"),
    "cal": ("cal", "energy", 4.184, "j"),
    "kwh": ("kWh", "energy", 3.6e6, "mj"), "mj": ("MJ", "energy", 1e6, "kwh"), "btu": ("BTU", "energy", 1055.05585262,
    "kj"), "ftlbf": ("ft⋅lbf", "energy", 1.3558179483314, "j"),
    "n": ("N", "force", 1.0, "lbf"), "kn ": ("kN", "force", 1e3, "lbf"), "lbf": ("lbf", "force", 4.4482216152605, "n"),
    "pa": ("Pa", "pressure", 1.0, "psi"), "kpa": ("kPa", "pressure", 1e3, "psi"), "mpa": ("MPa", "pressure", 1e6,
    "psi"), "hpa": ("hPa", "pressure", 1e2, "inhg"),
    "psi": ("psi", "pressure", 6894.757293168, "kpa"), "bar": ("bar", "pressure", 1e5, "psi"), "atm": ("atm",
    "pressure", 101325.0, "kpa"),
    "mbar": ("mbar", "pressure", 1e2, "inhg"), "inhg": ("inHg", "pressure", 3386.388640341, "hpa"), "mmhg": ("mmHg",
    "pressure", 133.322387415, "kpa"),
    "pd/sqmi": ("per sq mi", "density", 1 / 2589988.110336, "pd/km2"), "pd/km2": ("per km²", "density", 1e-6,
    "pd/sqmi"),
    "/sqmi": ("per sq mi", "density", 1 / 2589988.110336, "/km2"), "/km2": ("per km²", "density", 1e-6, "/sqmi"),
    "ft3/s": ("cu ft/s", "flow", 0.028316846592, "m3/s"), "cuft/s": ("cu ft/s", "flow", 0.028316846592, "m3/s"),
    "m3/s": ("m³/s", "flow", 1.0, "cuft/s"),
    "kg/m3": ("kg/m³", "mass density", 1.0, "lb/cuft"), "g/cm3": ("g/cm³", "mass density", 1e3, "lb/cuin"),
    "lb/cuft": ("lb/cu ft", "mass density", 16.01846337396, "kg/m3"), "lb/cuin": ("lb/cu in",
    "mass density", 27679.904710191, "g/cm3"),
}  # fmt: skip
_TEMPERATURES = {"c": "°C", "c-change": "°C", "f": "°F", "k": "K", "°c": "°C", "°f": "°F", "f-change": "°F"}
_JOINERS = {
    "to": " to ", "-": "–", "–": "–", "and": " and ", "or": " or ", "x": " × ", "by": " by ", "to(-)": "–",
    "×": " × ", "and(-)": " and ",
    "+/-": " ± ", "±": " ± ", "xx": " × ", "*": " × ", ",": ", ",
}  # fmt: skip
_NUMBER = re.compile(r"[-−–]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?$|[-−]?\.\d+$")
_FRACTION = re.compile(r"(?:(\d+)[+ ])?(\d+)(?:/{1,2}|⁄)(\d+)$")
_PLURALS = {
    "metre": "m", "meter": "m", "kilometre": "km", "kilometer": "km", "centimetre": "cm", "centimeter": "cm",
    "kilogram": "kg", "pound": "lb", "yard": "yd", "ounce": "oz", "gram": "g", "hectare": "ha",
}  # fmt: skip
_PREFIXED = {"e3": 1e3, "e6": 1e6, "e9": 1e9, "e12": 1e12}
_PREFIX_WORDS = {"e3": "thousand", "e6": "million", "e9": "billion", "e12": "trillion"}

_CURRENCIES = {
    "us$": "$", "usd": "$", "$": "$", "usdollar": "$", "£": "£", "gbp": "£", "pound sterling": "£", "€": "€",
    "eur": "€",
    "euro": "€", "¥": "¥", "jpy": "¥", "jpy2": "¥", "cny": "CN¥", "rmb": "CN¥", "inr": "₹", "indian rupee": "₹",
    "rs": "₹",
    "₹": "₹", "a$": "A$", "aud": "A$", "au$": "A$", "c$": "C$", "cad": "C$", "ca$": "C$", "can$": "C$", "hk$": "HK$",
    "hkd": "HK$",
    "nz$": "NZ$", "nzd": "NZ$", "s$": "S$", "sgd": "S$", "r$": "R$", "brl": "R$", "krw": "₩", "₩": "₩", "chf": "CHF ",
    "₽": "₽", "rub": "₽", "ruble": "₽",
    "₱": "₱", "php": "₱", "philippine peso": "₱", "ils": "₪", "₪": "₪", "nis": "₪", "nt$": "NT$", "sek": "SEK ",
    "nok": "NOK ", "dkk": "DKK ", "zar": "R", "mxn": "Mex$",
}  # fmt: skip


def render_convert(arguments: Arguments) -> str:
    """`{{convert|10|km|mi}}` as `10 km (6.2 mi)`; the number and its unit alone where the unit is not known."""
    words = [word.strip() for word in arguments.positional]
    place = 0
    shown, numbers = "", []
    while place < len(words) and (number := _parse(words[place])) is not None:
        shown += _minus(words[place])
        numbers.append((number, words[place]))
        place += 1
        if place < len(words) and (joiner := _JOINERS.get(words[place].lower())) is not None:
            after = place + 1
            if after < len(words) and _parse(words[after]) is not None:
                shown += joiner
                place = after
                continue
        break
    if not numbers:
        return " ".join(word for word in words[:2] if word)
    unit = words[place] if place < len(words) else ""
    if unit in {"ft", "lb", "st", "foot"} and place + 2 < len(words) and words[place + 2] in {"in", "oz", "lb", "inch"}:
        return _two_units(words, place, numbers[0][0])
    symbol, scale, known = _unit(unit)
    target_name = words[place + 1] if place + 1 < len(words) else ""
    first = f"{shown} {symbol}".strip() if symbol not in {"°C", "°F"} else f"{shown} {symbol}"
    if arguments.named.get("disp") in {"preunit", "output only", "out", "number"}:
        return first
    converted = _converted(numbers, unit, target_name, shown, known, scale)
    return f"{first} ({converted})" if converted else first


def _converted(numbers: list[tuple[float, str]], unit: str, target: str, shown: str, known: str, scale: float) -> str:
    folded = unit.lower()
    if folded in _TEMPERATURES:
        return _temperature(numbers, folded, target.lower())
    if known not in _UNITS:
        return ""
    _, dimension, size, default = _UNITS[known]
    out_symbol, out_scale, out_known = _unit(target if target and not target.isdigit() else default)
    if out_known not in _UNITS or _UNITS[out_known][1] != dimension:
        out_symbol, out_scale, out_known = _unit(default)
    factor = size * scale / (_UNITS[out_known][2] * out_scale)
    joined = re.split(r"[-\d.,]+(?:e[-+]?\d+)?(?:[+ ]?\d*/{1,2}\d+)?", shown)[1:-1] if len(numbers) > 1 else []
    results = [_rounded(number * factor, written, factor) for number, written in numbers]
    text = results[0]
    for place, result in enumerate(results[1:]):
        text += (joined[place] if place < len(joined) and joined[place] else "–") + result
    return f"{text} {out_symbol}"


def _temperature(numbers: list[tuple[float, str]], unit: str, target: str) -> str:
    from_kind, out = _TEMPERATURES[unit], _TEMPERATURES.get(target, "°F" if unit.startswith(("c", "°c")) else "°C")
    if from_kind == out:
        return ""
    results = []
    for number, written in numbers:
        celsius = {"°C": number, "°F": (number - 32) / 1.8, "K": number - 273.15}[from_kind]
        value = {"°C": celsius, "°F": celsius * 1.8 + 32, "K": celsius + 273.15}[out]
        if "change" in unit:
            value = number * 1.8 if out == "°F" else number / 1.8
        decimals = len(written.partition(".")[2])
        results.append(f"{value:,.{decimals}f}".replace("-", "−"))
    return f"{'–'.join(results)} {out}"


def _two_units(words: list[str], place: int, number: float) -> str:
    big, small = words[place], words[place + 2]
    second = _parse(words[place + 1])
    if second is None:
        return f"{words[place - 1]} {big}"
    total = number * _UNITS[big][2] + second * _UNITS[small][2]
    target = words[place + 3].lower() if place + 3 < len(words) else {"in": "m", "inch": "m"}.get(small, "kg")
    if target not in _UNITS or _UNITS[target][1] != _UNITS[big][1]:
        target = "m" if _UNITS[big][1] == "length" else "kg"
    value = total / _UNITS[target][2]
    rounded = f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
    first = f"{_minus(words[place - 1])} {_UNITS[big][0]} {words[place + 1]} {_UNITS[small][0]}"
    return f"{first} ({rounded} {_UNITS[target][0]})"


def _unit(name: str) -> tuple[str, float, str]:
    """Symbol, factor of a million-like prefix, and the key in `_UNITS` ("" where the unit is not known)."""
    scale, prefix = 1.0, ""
    folded = name.strip()
    for sign, factor in _PREFIXED.items():
        if folded.lower().startswith(sign):
            scale, prefix, folded = factor, _PREFIX_WORDS[sign] + " ", folded[len(sign) :]
            break
    key = folded.lower() if folded != "MW" else "mw"
    if key.endswith("s") and key[:-1] in _PLURALS:
        key = key[:-1]
    key = _PLURALS.get(key, key)
    if folded == "kN":
        key = "kn "
    if folded in {"C", "F", "K", "C-change", "F-change", "°C", "°F"}:
        return _TEMPERATURES[folded.lower()], 1.0, ""
    return (prefix + _UNITS[key][0], scale, key) if key in _UNITS else (prefix + folded, scale, "")


def _parse(word: str) -> float | None:
    if _NUMBER.match(word):
        return float(word.replace(",", "").replace("−", "-").replace("–", "-"))
    if found := _FRACTION.match(word):
        return float(found[1] or 0) + (float(found[2]) / float(found[3]) if float(found[3]) else 0.0)
    return None


def _minus(word: str) -> str:
    whole, _, fraction = (word[1:] if word[:1] in "-−–" else word).partition(".")
    if whole.isdigit() and len(whole) > 3:
        whole = f"{int(whole):,}"
    number = (whole + ("." + fraction if fraction else "")).replace("//", "/").replace("+", " ")
    return ("−" if word[:1] in "-−–" else "") + number


def _rounded(value: float, written: str, factor: float) -> str:
    """As many significant digits as were written, at least two, as the original template does it."""
    if not math.isfinite(value) or value == 0:
        return "0"
    digits = re.sub(r"e.*$", "", written).lstrip("-−–0.,").replace(",", "")
    significant = max(2, len(digits.replace(".", "")) if "." in written else len(digits.rstrip("0")))
    if "/" in written:
        significant = 2
    decimals = significant - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, max(-15, min(decimals, 15)))
    text = f"{rounded:,.{max(0, min(decimals, 12))}f}"
    return text.replace("-", "−")


def render_value(arguments: Arguments) -> str:
    """`{{val|1.2|0.1|e=3|u=km}}` as `1.2 ± 0.1 × 10^3 km`."""
    number = arguments.at(0)
    if not number:
        return ""
    text = _minus(number) if _NUMBER.match(number) else number
    if error := arguments.at(1):
        text += f" ± {error}"
    if exponent := arguments.first("e"):
        text += f" × 10^{exponent.replace('-', '−')}"
    if unit := arguments.first("u", "ul", "up", "upl"):
        text += f" {unit}"
    return arguments.named.get("p", "") + text + arguments.named.get("s", "")


def render_money(name: str, arguments: Arguments) -> str | None:
    """`{{US$|100}}` as `$100`; None where the template is no currency."""
    amount = arguments.at(0)
    if name == "currency":
        sign = _CURRENCIES.get((arguments.at(1) or "usd").lower(), f"{arguments.at(1)} ")
    elif name in _CURRENCIES:
        sign = _CURRENCIES[name]
    else:
        return None
    return f"{sign}{_minus(amount) if _NUMBER.match(amount) else amount}"
