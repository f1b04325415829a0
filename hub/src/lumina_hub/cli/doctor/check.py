"""One line of `lumina doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "State", "fail", "ok", "warn"]


class State(StrEnum):
    """`warn`: Lumina runs, less well or less safely. `fail`: it does not run."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what the reader can do about it."""

    name: str
    state: State
    finding: str
    hint: str | None = None


def ok(name: str, finding: str) -> Check:
    return Check(name, State.OK, finding)


def warn(name: str, finding: str, hint: str) -> Check:
    return Check(name, State.WARN, finding, hint)


def fail(name: str, finding: str, hint: str) -> Check:
    return Check(name, State.FAIL, finding, hint)
