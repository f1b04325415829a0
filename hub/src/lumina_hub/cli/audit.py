"""`lumina audit`: who was let do what, and who was refused."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from lumina_hub.cli.connection import connect
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, moment, print_raw_json
from lumina_sdk.contract import AuditEntries

__all__ = ["show"]


async def show(said: Globals, *, limit: int, event: str | None, by: str | None) -> None:
    async with connect(said) as hub:
        body = await hub.get("/api/v1/audit", limit=limit, event=event, by=by)
    if said.json:
        print_raw_json(body)
        return
    entries = AuditEntries.model_validate_json(body).entries
    if not entries:
        data().print("Nothing of this kind is in the audit log.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("time", "event", "by", "about", "details"):
        table.add_column(column, overflow="fold", no_wrap=column == "time")
    for entry in entries:
        details = " ".join(f"{key}={value}" for key, value in entry.details.items())
        event_name = entry.event if entry.allowed else f"[red]{escape(entry.event)}[/]"
        table.add_row(moment(entry.ts), event_name, escape(entry.by), escape(entry.about or ""), escape(details))
    data().print(table)
