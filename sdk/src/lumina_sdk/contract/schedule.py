"""When something is to happen: cron lines and intervals, checked without a scheduler."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["CronLine", "Interval", "interval_s"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_INTERVAL = r"^[1-9][0-9]{0,5}[smhd]$"
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)


def interval_s(text: str) -> int:
    """An interval in seconds: "10m" is 600.

    Raises:
        ValueError: `text` is no interval.
    """
    if not re.fullmatch(_INTERVAL, text):
        raise ValueError(f"{text!r} is no interval: write a number and one of s, m, h, d, as in 10m")
    return int(text[:-1]) * _UNITS[text[-1]]


def _interval(text: str) -> str:
    try:
        interval_s(text)
    except ValueError as error:
        raise PydanticCustomError(
            "schedule",
            "{text} is no interval",
            {"text": repr(text), "hint": "A number and one of s, m, h, d: 10m is every ten minutes."},
        ) from error
    return text


def _cron(text: str) -> str:
    fields = text.split() if text.isascii() else []
    wrong = f"it has {len(fields)} fields" if len(fields) != len(_FIELDS) else None
    for (name, low, high, names), field in zip(_FIELDS, fields, strict=False):
        if wrong is None and not all(_is_cron_part(part, low, high, names) for part in field.split(",")):
            wrong = f"{field!r} is no {name}"
    if wrong is not None:
        raise PydanticCustomError(
            "schedule",
            "{text} is no cron line: {reason}",
            {
                "text": repr(text),
                "reason": wrong,
                "hint": "Five fields: minute, hour, day, month, weekday (0 is Sunday). '0 3 * * *' is 03:00 UTC.",
            },
        )
    return text


def _is_cron_part(part: str, low: int, high: int, names: dict[str, int]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 1 <= int(step) <= high):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    bounds = [
        names.get(bound.lower(), int(bound) if bound.isdecimal() else -1) for bound in (first, last)[: 2 if dash else 1]
    ]
    return all(low <= bound <= high for bound in bounds) and bounds == sorted(bounds) and (bool(dash) or not slash)


CronLine = Annotated[
    str,
    AfterValidator(_cron),
    WithJsonSchema({"type": "string", "pattern": r"^\S+(\s+\S+){4}$", "examples": ["0 3 * * *", "*/15 * * * mon-fri"]}),
]
"""Minute, hour, day of the month, month and day of the week as crontab(5) has them, in UTC; 0, 7 and sun are Sunday."""

Interval = Annotated[
    str, AfterValidator(_interval), WithJsonSchema({"type": "string", "pattern": _INTERVAL, "examples": ["10m", "1h"]})
]
"""How long from one time to the next: a number and one of s, m, h, d."""
