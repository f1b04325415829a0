"""A bar where somebody watches, and a plain line now and then where nobody does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress

from lumina_hub.cli.output import notes, readable_duration

__all__ = ["Progress", "progress", "waiting"]

_LINE_EVERY_S = 5.0


class Progress(Protocol):
    """How far a job is. `total` is None while unknown; `rate` is a phrase shown beside it."""

    def say(self, doing: str) -> None: ...

    def move(self, done: float, total: float | None, *, rate: str = "", eta_s: float | None = None) -> None: ...


@contextmanager
def progress(doing: str) -> Iterator[Progress]:
    """Show how far a job is, on stderr, for as long as the block runs."""
    console = notes()
    if not console.is_terminal:
        yield _Lines(console, doing)
        return
    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TextColumn("[dim]{task.fields[rate]}"),
        TextColumn("{task.fields[eta]}"),
        console=console,
        transient=True,
    )
    with bar:
        yield _Bar(bar, bar.add_task(doing, total=None, rate="", eta=""))


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Say what is being waited for, where somebody watches."""
    console = notes()
    if console.is_terminal:
        with console.status(f"{doing} …"):
            yield
    else:
        yield


class _Bar:
    def __init__(self, bar: RichProgress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def say(self, doing: str) -> None:
        self._bar.update(self._task, description=doing)

    def move(self, done: float, total: float | None, *, rate: str = "", eta_s: float | None = None) -> None:
        self._bar.update(self._task, completed=done, total=total, rate=rate, eta=_left(eta_s))


class _Lines:
    def __init__(self, console: Console, doing: str) -> None:
        self._console = console
        self._doing = doing
        self._next = time.monotonic()

    def say(self, doing: str) -> None:
        if doing != self._doing:
            self._doing = doing
            self._next = time.monotonic()

    def move(self, done: float, total: float | None, *, rate: str = "", eta_s: float | None = None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LINE_EVERY_S
        share = f"{done / total:4.0%}" if total else ""
        parts = [self._doing, share, rate, _left(eta_s)]
        self._console.print("  ".join(part for part in parts if part), markup=False)


def _left(eta_s: float | None) -> str:
    return f"{readable_duration(eta_s)} left" if eta_s else ""
