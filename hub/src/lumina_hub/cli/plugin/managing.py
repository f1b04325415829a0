"""`lumina plugin list`, `install`, `enable` and the others: decisions about the modules of a hub."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from lumina_hub.cli.connection import HubConnection, connect
from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, note, notes, print_json, print_raw_json
from lumina_hub.registry.installing import is_address
from lumina_sdk.contract import (
    ModuleConfig,
    ModuleDetail,
    ModuleLogs,
    Modules,
    ModuleState,
    Scope,
)

__all__ = [
    "change",
    "config",
    "enable",
    "grant",
    "install",
    "listing",
    "logs",
    "module_path",
    "print_line",
    "remove",
    "show",
    "upgrade",
]

_MODULES = "/api/v1/modules"
_COLOURS = {
    ModuleState.ACTIVE: "green",
    ModuleState.DEGRADED: "yellow",
    ModuleState.WAITING_FOR_GRANTS: "yellow",
    ModuleState.INVALID: "red",
}


def module_path(name: str) -> str:
    """The route of a module."""
    return f"{_MODULES}/{quote(name, safe='')}"


async def listing(said: Globals) -> None:
    async with connect(said) as hub:
        body = await hub.get(_MODULES)
    if said.json:
        print_raw_json(body)
        return
    modules = Modules.model_validate_json(body).modules
    if not modules:
        data().print("There are no modules. Begin one with: lumina plugin init my-module")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("name", "version", "state", "description"):
        table.add_column(column, overflow="fold")
    for module in modules:
        state = _coloured(module.state) + (f" [dim]{escape(module.reason)}[/]" if module.reason else "")
        table.add_row(module.name, module.version, state, escape(module.description))
    data().print(table)


async def show(said: Globals, name: str) -> None:
    async with connect(said) as hub:
        body = await hub.get(module_path(name))
    if said.json:
        print_raw_json(body)
    else:
        _print_detail(ModuleDetail.model_validate_json(body))


async def install(said: Globals, source: str) -> None:
    """Install and stop there: what a module may do is decided when it is enabled."""
    async with connect(said) as hub:
        body = await _followed(hub, _MODULES, {"source": _for_the_hub(source)})
    if said.json:
        print_raw_json(body)
        return
    module = ModuleDetail.model_validate_json(body)
    data().print(f"Installed {module.name} {module.version}. Next: lumina plugin enable {module.name}", markup=False)


async def upgrade(said: Globals, name: str, source: str | None, *, grant_all: bool) -> None:
    async with connect(said) as hub:
        given = {"source": _for_the_hub(source) if source is not None else None, "grant_all": grant_all}
        body = await _followed(hub, f"{module_path(name)}/upgrade", given)
    module = ModuleDetail.model_validate_json(body)
    if said.json:
        print_raw_json(body)
    elif module.available_version is not None:
        data().print(
            f"{name} {module.version} goes on: {module.available_version} also asks for "
            f"{', '.join(module.available_asks)}. Decide with: lumina plugin grant {name} SCOPE …",
            markup=False,
        )
    else:
        data().print(f"{name} is {module.version} now: {_plain(module)}.", markup=False)


async def enable(said: Globals, name: str, *, grant_all: bool) -> None:
    """Without --grant-all, whoever is there is asked whether the module may do what it asks for."""
    async with connect(said) as hub:
        if not grant_all and not said.json and sys.stdin.isatty():
            module = ModuleDetail.model_validate_json(await hub.get(module_path(name)))
            if module.manifest is not None and module.state in (ModuleState.VALIDATED, ModuleState.WAITING_FOR_GRANTS):
                notes().print(f"{name} {module.version} asks to be allowed to:", markup=False)
                for scope in module.manifest.permissions:
                    notes().print(f"  [bold]{escape(scope)}[/]  {escape(_sentence(scope))}")
                grant_all = typer.confirm("Allow it?", err=True)
        body = await hub.post(f"{module_path(name)}/enable", {"grant_all": grant_all})
    _print_changed(said, body)


async def change(said: Globals, name: str, what: str) -> None:
    """Disable or restart."""
    async with connect(said) as hub:
        body = await hub.post(f"{module_path(name)}/{what}", {})
    _print_changed(said, body)


async def grant(said: Globals, name: str, scopes: Sequence[str], *, version: str | None) -> None:
    async with connect(said) as hub:
        body = await hub.put(f"{module_path(name)}/grant", {"scopes": list(scopes), "version": version})
    if said.json:
        print_raw_json(body)
        return
    module = ModuleDetail.model_validate_json(body)
    allowed = ", ".join(module.granted.scopes) if module.granted and module.granted.scopes else "nothing"
    data().print(f"{name} {module.version} may: {allowed}. It is {_plain(module)}.", markup=False)


async def remove(said: Globals, name: str, *, with_data: bool) -> None:
    async with connect(said) as hub:
        await hub.delete(module_path(name), data=with_data or None)
    if said.json:
        print_json({"removed": name, "data": with_data})
    else:
        kept = "" if with_data else " What it kept is still there; --data removes that too."
        data().print(f"Removed {name}.{kept}", markup=False)


async def config(said: Globals, name: str, changes: Sequence[str], *, unset: Sequence[str]) -> None:
    """Without changes, show the settings; with some, make them and keep the others."""
    given = dict(_assignment(text) for text in changes)
    async with connect(said) as hub:
        path = f"{module_path(name)}/config"
        body = await hub.get(path)
        if given or unset:
            values = {**ModuleConfig.model_validate_json(body).values, **given}
            for key in unset:
                values.pop(key, None)
            body = await hub.put(path, {"values": values})
    if said.json:
        print_raw_json(body)
    else:
        _print_config(ModuleConfig.model_validate_json(body))


async def logs(said: Globals, name: str, *, limit: int) -> None:
    async with connect(said) as hub:
        body = await hub.get(f"{module_path(name)}/logs", limit=limit)
    if said.json:
        print_raw_json(body)
        return
    for line in ModuleLogs.model_validate_json(body).lines:
        print_line(line.ts, line.level.value, line.event, line.fields)


def print_line(ts: float, level: str, event: str, fields: dict[str, Any]) -> None:
    """A line of a module's log, for people."""
    colour = {"warning": "yellow", "error": "red", "critical": "red"}.get(level, "dim")
    more = " ".join(f"{key}={value}" for key, value in fields.items())
    when = f"{datetime.fromtimestamp(ts, UTC):%H:%M:%S}"
    data().print(f"[dim]{when}[/] [{colour}]{level:<8}[/] {escape(event)} [dim]{escape(more)}[/]")


async def _followed(hub: HubConnection, path: str, body: dict[str, Any]) -> bytes:
    """Do what takes its time, and show how it goes."""
    async with aclosing(hub.events(path, body)) as events:
        async for name, content in events:
            if name == "progress":
                note(json.loads(content)["line"])
            else:
                return content
    raise Failure("The hub stopped answering.", hint="`lumina plugin list` shows what became of it.")


def _for_the_hub(source: str) -> str:
    """A hub has its own working directory: a path is sent whole."""
    path = Path(source).expanduser()
    if is_address(source) or not path.exists():
        if "/" in source and not is_address(source):
            hint = "Give a folder, a wheel, a package's name, or the URL of a manifest."
            raise Failure(f"There is no file or folder {source!r}.", hint=hint, status=MISUSED)
        return source
    return str(path.resolve())


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Failure(f"{text!r} sets nothing.", hint="Write key=value, such as limit=5.", status=MISUSED)
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _print_changed(said: Globals, body: bytes) -> None:
    if said.json:
        print_raw_json(body)
        return
    module = ModuleDetail.model_validate_json(body)
    data().print(f"{module.name} {module.version} is {_plain(module)}.", markup=False)
    if module.state.serves and module.manifest is not None:
        for endpoint in module.manifest.endpoints:
            data().print(f"  {endpoint.method} {endpoint.path}", markup=False)


def _print_detail(module: ModuleDetail) -> None:
    out = data()
    out.print(f"[bold]{module.name}[/] {escape(module.version)}  {_coloured(module.state)}  {escape(module.reason)}")
    out.print(module.description, markup=False)
    process = module.process
    facts = {
        "from": module.location,
        "waiting": f"{module.available_version}, asks for {', '.join(module.available_asks)}"
        if module.available_version
        else "",
        "needs": ", ".join(module.depends_on),
        "needed by": ", ".join(module.needed_by),
        "may": ", ".join(module.granted.scopes) if module.granted else "",
        "may not": ", ".join(module.missing_scopes),
        "process": f"{process.pid}, started {process.restarts + 1} times" if process else "",
    }
    for name, value in facts.items():
        if value:
            out.print(f"  [dim]{name:<10}[/]{escape(value)}")
    for endpoint in module.manifest.endpoints if module.manifest is not None else ():
        out.print(f"  {endpoint.method:<6} {endpoint.path}  [dim]{escape(', '.join(endpoint.scopes))}[/]")
    for finding in module.findings:
        out.print(f"  {finding}", markup=False)


def _print_config(config: ModuleConfig) -> None:
    properties = config.config_schema.get("properties")
    known: dict[str, Any] = properties if isinstance(properties, dict) else {}
    if not known and not config.values:
        data().print("There is nothing to set.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("setting", "value", "default", "what it does"):
        table.add_column(column, overflow="fold")
    for key in (*known, *(key for key in config.values if key not in known)):
        schema = known.get(key, {})
        value = json.dumps(config.values[key], ensure_ascii=False) if key in config.values else ""
        if schema.get("writeOnly") and key in config.values:
            value = "********"
        default = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else ""
        table.add_row(key, escape(value), escape(default), escape(str(schema.get("description", ""))))
    data().print(table)


def _sentence(scope: str) -> str:
    known = {str(each): each.sentence for each in Scope}
    return known.get(scope.partition("!")[0], "")


def _coloured(state: ModuleState) -> str:
    colour = _COLOURS.get(state, "dim")
    return f"[{colour}]{state.value.replace('_', ' ')}[/]"


def _plain(module: ModuleDetail) -> str:
    state = module.state.value.replace("_", " ")
    return f"{state} ({module.reason})" if module.reason else state
