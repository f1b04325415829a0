"""`lumina status`, `lumina config` and `lumina version`."""

from __future__ import annotations

from importlib.metadata import version as installed

from rich.markup import escape
from rich.table import Table

from lumina_hub.cli.connection import connect, find_running
from lumina_hub.cli.failures import FAILED
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, print_json, print_raw_json, readable_bytes, readable_duration
from lumina_hub.home import Home
from lumina_hub.settings import Settings
from lumina_sdk.contract import Status

__all__ = ["config", "status", "version"]


async def status(said: Globals) -> int:
    """Show how the running hub is. Returns the exit status: 1 where none runs on this home."""
    settings = said.settings()
    running = await find_running(settings)
    if running is None:
        held = Home(settings.home).is_locked()
        if said.json:
            print_json({"running": False, "home": str(settings.home), "locked": held})
        else:
            data().print(f"No hub runs on {settings.home}.", markup=False)
            data().print("Another process holds it." if held else "Start one with: lumina up")
        return FAILED
    async with connect(said) as hub:
        body = await hub.get("/api/v1/status")
    if said.json:
        print_raw_json(body)
        return 0
    _show(Status.model_validate_json(body), running.url, running.pid)
    return 0


def _show(now: Status, url: str, pid: int) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("hub", escape(f"{now.version} at {url}, process {pid}, up {readable_duration(now.uptime_s)}"))
    table.add_row("home", escape(now.home))
    table.add_row("knows", f"{now.articles:,} articles, {now.redirects:,} redirects, {now.links:,} links")
    table.add_row("indexed", f"{now.chunks:,} chunks")
    table.add_row("memory", f"{now.turns:,} turns")
    if now.index:
        size = readable_bytes(now.index.disk_bytes)
        table.add_row(
            "index", f"{now.index.driver} {now.index.version}, {size}, {now.index.indexed:,} under an ANN index"
        )
    if now.redis:
        whose = f"started by Lumina, {now.redis.path}" if now.redis.embedded else "a server of yours"
        table.add_row("redis", escape(f"{now.redis.version}, {whose}"))
    if now.embedder:
        table.add_row("embedder", f"{now.embedder.name} {now.embedder.model}, {now.embedder.precision}")
    if now.indexer:
        doing = f"{now.indexer.pending:,} articles to go" if now.indexer.pending else "caught up with the log"
        table.add_row("indexer", doing if now.indexer.alive else "[red]not running[/]")
    for problem in now.problems:
        table.add_row("[red]problem[/]", escape(problem))
    data().print(table)


def config(said: Globals) -> None:
    settings = said.settings()
    rows = [
        {
            "name": name,
            "value": settings.shown(name),
            "source": settings.source_of(name).source.value,
            "from": settings.source_of(name).name,
            "sentence": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if said.json:
        print_json({"settings": rows})
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("setting", "value", "source", "what it does"):
        table.add_column(column, overflow="fold")
    for row in rows:
        source = row["source"] if row["source"] == "default" else f"{row['source']} ({row['from']})"
        table.add_row(row["name"], escape(row["value"]), escape(source), escape(row["sentence"]))
    data().print(table)


def version(said: Globals) -> None:
    packages = {name: installed(name) for name in ("lumina-hub", "lumina-core", "lumina-sdk")}
    if said.json:
        print_json(packages)
    else:
        data().print(f"lumina {packages['lumina-hub']} (core {packages['lumina-core']}, sdk {packages['lumina-sdk']})")
