"""`lumina plugin dev`: a module run from its folder, and started anew whenever a file in it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from lumina_hub.cli.connection import HubConnection, connect
from lumina_hub.cli.failures import FAILED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import complain, note, print_json
from lumina_hub.cli.plugin.checking import check, module_folder, show_findings
from lumina_hub.cli.plugin.managing import module_path, print_line
from lumina_sdk.contract import ModuleDetail, ModuleLogs

__all__ = ["dev"]

_LOOK_EVERY_S = 0.5
_SHOWN_LINES = 200
_WATCHED = ("*.yml", "*.yaml", "*.toml", "*.py", "*.json")


async def dev(said: Globals, path: Path) -> None:
    """Run a module from its source until interrupted; then the hub has what it had before.

    It is granted all it asks for. A change that leaves the module unsound is shown, and what ran goes on.
    """
    folder = module_folder(path)
    found = await asyncio.to_thread(check, folder)
    if not found.ok:
        show_findings(found)
        raise Failure(f"{found.module} cannot be run as it is.", hint="The lines above say why.", status=FAILED)
    async with connect(said) as hub:
        if hub.running is None:
            raise Failure("No hub runs on this home.", hint="Start one in another terminal: lumina up")
        module = ModuleDetail.model_validate_json(
            await hub.post("/api/v1/modules", {"source": str(folder), "in_place": True})
        )
        try:
            await _follow(said, hub, folder, module.name)
        except asyncio.CancelledError:
            note("Stopped.")
        finally:
            with suppress(Failure):
                await asyncio.shield(_leave(hub, module.name))


async def _follow(said: Globals, hub: HubConnection, folder: Path, name: str) -> None:
    logs = _Logs(said, hub, name)
    await logs.read(show=False)
    await _try(lambda: hub.post(f"{module_path(name)}/enable", {"grant_all": True}), said, hub, name)
    seen = await asyncio.to_thread(_signs, folder)
    while True:
        await logs.read(show=True)
        await asyncio.sleep(_LOOK_EVERY_S)
        signs = await asyncio.to_thread(_signs, folder)
        if signs == seen:
            continue
        seen = signs
        found = await asyncio.to_thread(check, folder)
        if found.ok:
            await _try(lambda: _again(hub, name), said, hub, name)
        else:
            show_findings(found)


async def _try(change: Callable[[], Awaitable[object]], said: Globals, hub: HubConnection, name: str) -> None:
    try:
        await change()
    except Failure as failure:
        complain(failure.message, failure.hint)
        return
    module = ModuleDetail.model_validate_json(await hub.get(module_path(name)))
    if said.json:
        print_json(module.model_dump(mode="json"), indent=None)
        return
    where = hub.running.url if hub.running is not None else ""
    note(f"{name} {module.version} is {module.state.value}:")
    for endpoint in module.manifest.endpoints if module.manifest is not None else ():
        note(f"  {endpoint.method} {where}{endpoint.path}")


async def _again(hub: HubConnection, name: str) -> None:
    """Start it anew; what its manifest asks for beyond what it did is granted too."""
    await hub.post(f"{module_path(name)}/restart", {"grant_all": True})


async def _leave(hub: HubConnection, name: str) -> None:
    await hub.delete(module_path(name))


class _Logs:
    """Shows what a module says, each line once."""

    def __init__(self, said: Globals, hub: HubConnection, name: str) -> None:
        self._said = said
        self._hub = hub
        self._path = f"{module_path(name)}/logs"
        self._latest = 0.0

    async def read(self, *, show: bool) -> None:
        lines = ModuleLogs.model_validate_json(await self._hub.get(self._path, limit=_SHOWN_LINES)).lines
        for line in lines:
            if line.ts > self._latest and show:
                if self._said.json:
                    print_json(line.model_dump(mode="json"), indent=None)
                else:
                    print_line(line.ts, line.level.value, line.event, line.fields)
        self._latest = max([self._latest, *(line.ts for line in lines)])


def _signs(folder: Path) -> dict[str, tuple[int, int]]:
    """Changes when a file that matters does."""
    signs = {}
    for path in (*folder.glob("*"), *(folder / "src").rglob("*")):
        if any(path.match(pattern) for pattern in _WATCHED) and "__pycache__" not in path.parts:
            with suppress(OSError):
                state = path.stat()
                signs[str(path)] = (state.st_mtime_ns, state.st_size)
    return signs
