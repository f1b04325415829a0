"""Modules that come, change and go: installing, upgrading, deciding on what a new version asks for, removing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from pydantic import JsonValue

from lumina_core.errors import Conflict, InvalidInput
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.principal import Principal, module_id
from lumina_hub.errors import DidNotStart, InvalidModule
from lumina_hub.registry.discovery import Found, linked
from lumina_hub.registry.examination import examine
from lumina_hub.registry.grants import decide
from lumina_hub.registry.installing import Built, Installer, fetch_manifest, is_address
from lumina_hub.registry.known import Known
from lumina_hub.registry.pip import Report
from lumina_hub.registry.records import Installation
from lumina_hub.registry.service import Registry, deny_modules
from lumina_sdk.contract import ModuleDetail, ModuleOrigin
from lumina_sdk.contract.manifest import Manifest

__all__ = ["ModuleChanges"]

_log = structlog.get_logger(__name__)


class ModuleChanges:
    """What takes its time is done beside what runs; then one change switches over.

    Every method raises `NotForModules` where a module asks, those that name a module `NotFound` for one that is not
    there.
    """

    def __init__(self, registry: Registry, installer: Installer) -> None:
        self._registry = registry
        self._installer = installer
        self._installing = asyncio.Lock()

    async def sweep(self) -> None:
        """Remove the environments no module uses, which a hub that was killed left behind."""
        for slug, record in self._registry.records.items():
            await self._installer.sweep(slug, (record.installed, record.waiting))

    async def install(self, source: str, *, in_place: bool, by: Principal, report: Report) -> ModuleDetail:
        """Make a module known: from a folder, a wheel or a package, in an environment of its own; from a folder as it
        stands there (`in_place`); or one that runs elsewhere, by the URL of its manifest.

        Raises:
            InvalidInput: there is nothing at this path or URL.
            InvalidModule: its manifest is not as it should be.
            Conflict: there is a module of that name already.
            InstallationFailed: it cannot be built or installed.
            StorageFull: the disk is full.
        """
        deny_modules(by, "install modules")
        if is_address(source):
            return await self._register(source, by)
        path = _path_of(source)
        if in_place:
            if path is None:
                raise InvalidInput(f"{source!r} is no folder", hint="Only a folder can be run where it is.")
            return await self._link(path, by)
        async with self._installing, self._installer.build(source, report) as built:
            slug = built.manifest.name
            if slug in self._registry.shelf.modules:
                self._refuse_another(self._registry.known(slug))
            installation = await self._installer.install(built, report)
            async with self._registry.changing:
                await self._registry.save(slug, installed=installation, waiting=None)
                await self._registry.look()
                await self._note(AuditEvent.MODULE_INSTALLED, slug, by, version=installation.version)
        return self._registry.shown(slug)

    async def upgrade(
        self, slug: str, source: str | None, *, grant_all: bool, by: Principal, report: Report
    ) -> ModuleDetail:
        """Install another version and go over to it. One that asks for more than was decided on waits beside the one
        that runs; one that does not become ready is taken out again.

        Args:
            slug: The module.
            source: Where the version is; None for where the present one came from.
            grant_all: Allow the version all it asks for.
            by: Who asks.
            report: Is told what is being done.

        Raises:
            InvalidModule: its manifest is not as it should be.
            MissingScope: with `grant_all`, `by` may not do themselves what they would grant.
            Conflict: the module was not installed, or the package is another module's.
            InstallationFailed: it cannot be built or installed.
            StorageFull: the disk is full.
            DidNotStart: it did not become ready; the former version runs again.
        """
        deny_modules(by, "upgrade modules")
        await self._registry.find(slug)
        record = self._registry.record(slug)
        if record.remote is not None and record.remote_url is not None:
            return await self._upgrade_remote(slug, source or record.remote_url, by)
        if record.installed is None:
            raise Conflict(
                f"the module {slug!r} was not installed, it is run from where it is",
                hint=f"Change it there, then: lumina plugin restart {slug}",
            )
        async with self._installing, self._installer.build(source or record.installed.source, report) as built:
            if built.manifest.name != slug:
                raise Conflict(f"this is the module {built.manifest.name!r}, not {slug!r}", hint="Install it instead.")
            installation = await self._installer.install(built, report)
            async with self._registry.changing:
                if grant_all:
                    await self._registry.decide_on(slug, built.manifest, built.manifest.permissions, by)
                return await self._take_up(slug, built, installation, by)

    async def grant(self, slug: str, scopes: tuple[str, ...], version: str | None, *, by: Principal) -> ModuleDetail:
        """Decide on what a module may do: of a version that waits, else of the one there is. A module that is on goes
        on with it at once.

        Raises:
            InvalidInput: it does not ask for one of `scopes`.
            Conflict: `version` is not the version this is about.
            MissingScope: `by` may not do themselves what they would grant.
            DidNotStart: it did not become ready.
        """
        deny_modules(by, "grant scopes")
        registry = self._registry
        async with registry.changing:
            await registry.look()
            known = registry.known(slug)
            waiting = registry.record(slug).waiting
            if waiting is not None:
                known = await self._examined(self._installer.found(slug, waiting))
            manifest = known.manifest
            if manifest is None:
                raise InvalidModule(slug, known.examined.findings if known.examined is not None else ())
            if version is not None and version != manifest.version:
                raise Conflict(
                    f"the module {slug!r} has the version {manifest.version}, not {version}",
                    hint=f"`lumina plugin show {slug}` says what it asks for now.",
                )
            await registry.decide_on(slug, manifest, scopes, by)
            if waiting is not None:
                await self._switch(slug, known, manifest, waiting)
            elif reason := await self._go_on(slug):
                raise DidNotStart(slug, reason, then="It is tried again.")
            return registry.shown(slug)

    async def remove(self, slug: str, *, with_data: bool, by: Principal) -> None:
        """Take a module out. One that is run from a folder for now is again what it was before.

        Raises:
            Conflict: a module that is on needs it, or it lies in a folder of modules and would be found again.
        """
        deny_modules(by, "remove modules")
        registry = self._registry
        async with registry.changing:
            known = await registry.find(slug)
            record = registry.record(slug)
            if record.linked is not None and (record.installed is not None or record.remote is not None):
                await registry.runner.stop(slug)
                await registry.save(slug, linked=None)
                await registry.look()
                await self._go_on(slug)
                return
            if record.linked is None and record.installed is None and record.remote is None:
                raise Conflict(
                    f"the module {slug!r} was not installed: it was found at {known.found.manifest}",
                    hint=f"Remove it there, or switch it off: lumina plugin disable {slug}",
                )
            registry.demand_unneeded(slug, "Disable that first: lumina plugin disable {}")
            await registry.runner.stop(slug)
            await registry.forget(slug)
            await registry.end_tokens(slug)
            await self._installer.sweep(slug, ())
            if with_data:
                await self._installer.remove_data(slug)
            await registry.look()
            await self._note(AuditEvent.MODULE_REMOVED, slug, by)

    async def _register(self, url: str, by: Principal) -> ModuleDetail:
        text = await fetch_manifest(url)
        registry = self._registry
        async with registry.changing:
            slug, manifest = await self._remote(url, text)
            if slug in registry.shelf.modules:
                self._refuse_another(registry.known(slug))
            await registry.save(slug, remote=text, remote_url=url)
            await registry.look()
            await self._note(AuditEvent.MODULE_INSTALLED, slug, by, version=manifest.version)
            return registry.shown(slug)

    async def _upgrade_remote(self, slug: str, url: str, by: Principal) -> ModuleDetail:
        text = await fetch_manifest(url)
        registry = self._registry
        async with registry.changing:
            named, manifest = await self._remote(url, text)
            if named != slug:
                raise Conflict(f"this is the module {named!r}, not {slug!r}", hint="Install it instead.")
            await registry.save(slug, remote=text, remote_url=url)
            await registry.look(anew=slug)
            await self._note(AuditEvent.MODULE_UPGRADED, slug, by, version=manifest.version)
            await self._go_on(slug)
            return registry.shown(slug)

    async def _remote(self, url: str, text: str) -> tuple[str, Manifest]:
        first = await self._examined(Found("module", ModuleOrigin.URL, text=text))
        slug = first.manifest.name if first.manifest is not None else "module"
        known = await self._examined(Found(slug, ModuleOrigin.URL, text=text))
        manifest = self._registry.sound(known)
        if manifest.url is None:
            raise InvalidInput(
                f"the manifest at {url} has no url: such a module is installed, not registered",
                hint="Give a folder, a wheel or a package.",
            )
        return slug, manifest

    async def _link(self, folder: Path, by: Principal) -> ModuleDetail:
        registry = self._registry
        async with registry.changing:
            known = await self._examined(linked(folder.name, folder))
            manifest = registry.sound(known)
            slug = manifest.name
            present = registry.shelf.modules.get(slug)
            if present is not None and registry.record(slug).installed is None and present.found.folder != folder:
                self._refuse_another(present)
            await registry.runner.stop(slug)
            await registry.save(slug, linked=str(folder))
            await registry.look()
            await self._note(AuditEvent.MODULE_INSTALLED, slug, by, version=manifest.version, folder=str(folder))
            return registry.shown(slug)

    async def _take_up(self, slug: str, built: Built, installation: Installation, by: Principal) -> ModuleDetail:
        registry = self._registry
        record = registry.record(slug)
        known = await self._examined(self._installer.found(slug, installation))
        if decide(built.manifest, record.grants).undecided:
            await registry.save(slug, waiting=installation)
            await self._installer.sweep(slug, (record.installed, installation))
            await self._note(AuditEvent.MODULE_INSTALLED, slug, by, version=installation.version)
            return registry.shown(slug)
        await self._switch(slug, known, built.manifest, installation)
        await self._note(AuditEvent.MODULE_UPGRADED, slug, by, version=installation.version)
        return registry.shown(slug)

    async def _switch(self, slug: str, known: Known, manifest: Manifest, installation: Installation) -> None:
        """Go over to another installation, or stay with the present one if it does not become ready."""
        registry = self._registry
        record = registry.record(slug)
        running = registry.runner.running.get(slug)
        try:
            self._demand_harmony(known)
            if running is not None:
                module = registry.runnable(slug, known, manifest)
                registry.runner.check_paths(module)
                if reason := await registry.runner.start(module):
                    await registry.runner.start(running)
                    then = f"The version {running.manifest.version} runs again."
                    raise DidNotStart(slug, f"{manifest.version}: {reason}", then=then)
        except (Conflict, DidNotStart):
            await registry.save(slug, waiting=None)
            await self._installer.sweep(slug, (record.installed,))
            raise
        await registry.save(slug, installed=installation, waiting=None)
        registry.shelf.put(known)
        await self._installer.sweep(slug, (installation,))
        _log.info("module_upgraded", module=slug, version=manifest.version)

    def _demand_harmony(self, known: Known) -> None:
        """Raises `Conflict` if this version could not run, or would keep a module that is on from running."""
        registry, slug = self._registry, known.found.slug
        for other, obstacles in registry.shelf.obstacles_with(known).items():
            if other == slug or (registry.is_on(other) and not registry.shelf.modules[other].obstacles):
                raise Conflict(
                    f"with this version of {slug!r}, the module {other!r} could not run: {obstacles[0]}",
                    hint="Nothing was changed. Install or update what does not fit first.",
                )

    async def _go_on(self, slug: str) -> str:
        """Start a module that is on, as it is now; returns why it is not well. One that cannot run is left alone."""
        registry = self._registry
        known = registry.shelf.modules.get(slug)
        if known is None or known.manifest is None or known.faults or not registry.is_on(slug) or not registry.serves:
            return ""
        if decide(known.manifest, registry.record(slug).grants).undecided:
            return ""
        return await registry.runner.start(registry.runnable(slug, known, known.manifest))

    async def _examined(self, found: Found) -> Known:
        return Known(found, await asyncio.to_thread(examine, found, {}))

    async def _note(self, event: AuditEvent, slug: str, by: Principal, **details: JsonValue) -> None:
        await self._registry.audit.record(event, by=by.id, about=module_id(slug), allowed=True, **details)

    def _refuse_another(self, known: Known) -> None:
        slug = known.found.slug
        raise Conflict(
            f"there is a module {slug!r} already",
            hint=f"Another version of it: lumina plugin upgrade {slug} SOURCE. Otherwise remove it first.",
        )


def _path_of(source: str) -> Path | None:
    """The folder or file a source names; None for a package. Raises `InvalidInput` for a path that leads nowhere."""
    path = Path(source)
    if path.is_absolute() and path.exists():
        return path.resolve()
    if "/" in source or source.endswith(".whl"):
        what = "is not absolute" if not path.is_absolute() else "is not there"
        raise InvalidInput(f"the path {source!r} {what}", hint="Give the whole path, as the hub sees it.")
    return None
