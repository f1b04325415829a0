"""`lumina doctor`: everything Lumina needs on this machine, one line each, with what to do where it is missing."""

from __future__ import annotations

from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from lumina_hub.cli.doctor import home, machine, parts
from lumina_hub.cli.doctor.check import Check, State
from lumina_hub.cli.failures import FAILED
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, print_json

__all__ = ["doctor"]

_COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def doctor(said: Globals) -> int:
    """Run every check, a failed one stopping none of the others. Returns the exit status: 1 where one failed."""
    settings = said.settings()
    checks = [check(settings) for check in (*machine.CHECKS, *home.CHECKS, *parts.CHECKS)]
    healthy = all(check.state is not State.FAIL for check in checks)
    if said.json:
        print_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    else:
        _show(checks)
    return 0 if healthy else FAILED


def _show(checks: list[Check]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        hint = f"\n[dim]{escape(check.hint)}[/]" if check.hint else ""
        table.add_row(f"[{_COLOURS[check.state]}]{check.state}[/]", check.name, escape(check.finding) + hint)
    data().print(table)
