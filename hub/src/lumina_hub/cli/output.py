"""Data goes to stdout, everything said about it to stderr."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from functools import cache
from typing import Any

from rich.console import Console

__all__ = [
    "complain",
    "data",
    "moment",
    "note",
    "notes",
    "print_json",
    "print_raw_json",
    "readable_bytes",
    "readable_duration",
]


@cache
def data() -> Console:
    """Where results are printed."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


@cache
def notes() -> Console:
    """Where progress, logs and errors are printed."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Write one JSON document and nothing else; without indentation it is one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")
    sys.stdout.flush()


def print_raw_json(body: bytes) -> None:
    """Write what the hub answered, field for field, indented."""
    print_json(json.loads(body))


def note(sentence: str) -> None:
    notes().print(sentence, markup=False)


def complain(message: str, hint: str | None) -> None:
    notes().print("[bold red]lumina:[/] ", end="")
    notes().print(message, markup=False)
    if hint:
        notes().print(hint, markup=False)


def moment(ts: float) -> str:
    """Epoch seconds as a time in UTC."""
    return f"{datetime.fromtimestamp(ts, UTC):%Y-%m-%d %H:%M:%S}"


def readable_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def readable_duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
