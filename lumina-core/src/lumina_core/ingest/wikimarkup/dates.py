"""Dates: `{{birth date|1990|1|2}}` and its many relatives."""

from __future__ import annotations

import re

from lumina_core.ingest.wikimarkup.arguments import Arguments

__all__ = ["render_date"]

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_ONE_DATE = frozenset(
    "birth date|birth date and age|bda|dob|birth date and age2|start date|start date and age|start date and years ago|"
    "end date|end date and age|film date|release date|death date|date of birth|birth-date|birth-date and age|"
    "death-date|start-date|end-date|dts|date table sorting|dtsh|release date and age|launch date|founded|bdate|"
    "birth year and age|birth year|birth based on age as of date|death year|dateform|ordinal date|start and end dates|"
    "birth date based on age at death|adr|opening date|introduction date|film date 1|video game release date".split("|")
)
_TWO_DATES = frozenset(
    "death date and age|dda|death-date and age|death date and given age|death year and age|date of death and age".split(
        "|"
    )
)
_YES = frozenset({"y", "yes", "1", "true"})
_NUMBER = re.compile(r"-?\d{1,4}$")


def render_date(name: str, arguments: Arguments) -> str | None:
    """Render a date template; None where the template is none."""
    if name in _ONE_DATE:
        return _date(arguments, 0)[0]
    if name in _TWO_DATES:
        return _death(arguments)
    if name in {"birth year and age", "death year and age"}:
        return arguments.at(0)
    if name in {"oldstyledate", "oldstyledatedy", "oldstyledatenoyear"}:
        return " ".join(word for word in (arguments.at(0), arguments.at(1)) if word)
    if name in {"date", "dmy", "mdy", "isodate"}:
        return arguments.at(0)
    return None


def _date(arguments: Arguments, start: int) -> tuple[str, int]:
    """One date, and the place of the argument after it. Anything that is no number is shown as it is."""
    words = [arguments.at(place) for place in range(start, start + 3)]
    if not words[0] or not _NUMBER.match(words[0]):
        return _strip_time(words[0]), start + 1
    numbers: list[int] = []
    for word in words:
        if not _NUMBER.match(word):
            break
        numbers.append(int(word))
    return _written(numbers, day_first=arguments.named.get("df", "").lower() in _YES), start + 3


def _written(numbers: list[int], *, day_first: bool) -> str:
    year = f"{-numbers[0]} BC" if numbers[0] < 0 else str(numbers[0])
    if len(numbers) < 2 or not 1 <= numbers[1] <= 12:
        return year
    month = _MONTHS[numbers[1] - 1]
    if len(numbers) < 3 or not 1 <= numbers[2] <= 31:
        return f"{month} {year}"
    return f"{numbers[2]} {month} {year}" if day_first else f"{month} {numbers[2]}, {year}"


def _death(arguments: Arguments) -> str:
    died, after = _date(arguments, 0)
    numbers = [int(word) for place in range(6) if _NUMBER.match(word := arguments.at(place))]
    if len(numbers) == 6 and after == 3:
        before_birthday = (numbers[1], numbers[2]) < (numbers[4], numbers[5])
        return f"{died} (aged {numbers[0] - numbers[3] - before_birthday})"
    return died


def _strip_time(word: str) -> str:
    return word if any(sign.isdigit() for sign in word) else ""
