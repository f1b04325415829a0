"""The registry: which modules there are, what each may do, and switching them on and off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from pydantic import JsonValue

from lumina_core.errors import Conflict, InvalidInput, NotFound
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.principal import Principal, PrincipalKind, module_id
from lumina_hub.errors import DidNotStart, InvalidModule, NotForModules, WaitsForGrants
from lumina_hub.registry.configuration import check_config, kept_secrets, shown
from lumina_hub.registry.grants import Decision, Grant, decide, with_grant
from lumina_hub.registry.known import Known, Shelf
from lumina_hub.registry.records import ModuleRecord, RecordStore
from lumina_hub.registry.running import Runnable, Runner
from lumina_hub.registry.views import detail_of, summary_of
from lumina_sdk.contract import ModuleConfig, ModuleDetail, Modules, ScopeSet
from lumina_sdk.contract.manifest import Manifest

__all__ = ["AuditLog", "Registry", "TokenEnder", "deny_modules"]

_log = structlog.get_logger(__name__)


class AuditLog(Protocol):
    """What is needed of the audit log."""

    async def record(
        self, event: AuditEvent, *, by: str, about: str | None = None, allowed: bool = True, **details: JsonValue
    ) -> None: ...


class TokenEnder(Protocol):
    """Ends the tokens a module was given, when it may do less than it did."""

    async def end(self, slug: str) -> None: ...


class Registry:
    """Everything people decide about modules. One change is made at a time.

    Every method that names a module raises `NotFound` for one that is not there, and `NotForModules` where a module
    asks for a change: no module decides what modules may do.

    Args:
        shelf: What there is.
        store: Where decisions are kept.
        runner: Runs modules.
        audit: Takes note of every decision.
        tokens: Ends modules' tokens.
        clock: The present, epoch seconds.
    """

    def __init__(
        self,
        shelf: Shelf,
        store: RecordStore,
        runner: Runner,
        audit: AuditLog,
        tokens: TokenEnder,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.shelf = shelf
        self.runner = runner
        self.audit = audit
        self.changing = asyncio.Lock()
        self.records: dict[str, ModuleRecord] = {}
        self.serves = False
        """Whether the hub listens, so that modules may run. Decisions can be made before."""
        self.is_settled = asyncio.Event()
        """Set once the modules that were on when the hub started have been started."""
        self._store = store
        self._tokens = tokens
        self._clock = clock

    async def open(self) -> None:
        """Remember what was decided, and look at what there is. Starts nothing. Raises `RedisDown`."""
        self.records = await self._store.load()
        await self.look()

    async def start(self) -> None:
        """Start the modules that are switched on, each after what it needs."""
        async with self.changing:
            self.serves = True
            started: dict[str, asyncio.Task[None]] = {}
            for slug in self.shelf.order:
                needed = [started[other] for other in self.shelf.needs(slug) if other in started]
                started[slug] = asyncio.create_task(self._start_after(slug, needed), name=f"start {slug}")
            await asyncio.gather(*started.values())
        self.is_settled.set()

    async def stop(self) -> None:
        """Stop all modules, which are on again when the hub starts next."""
        async with self.changing:
            self.serves = False
            await self.runner.stop_all()

    async def modules(self) -> Modules:
        """Every module, by name."""
        await self.look()
        modules = self.shelf.modules
        summaries = (
            summary_of(modules[it], self.record(it), self.runner, serves=self.serves) for it in sorted(modules)
        )
        return Modules(modules=tuple(summaries))

    async def detail(self, slug: str) -> ModuleDetail:
        """A module, whole."""
        await self.look()
        return self.shown(slug)

    async def enable(self, slug: str, *, grant_all: bool, by: Principal) -> ModuleDetail:
        """Switch a module on, now and whenever the hub starts. One that is on stays as it is.

        Raises:
            InvalidModule: its manifest does not allow it.
            Conflict: what it needs is not there or not on, or its paths are somebody's.
            WaitsForGrants: it asks for something nobody decided on. With `grant_all` everything it asks for is granted.
            MissingScope: `by` may not grant what they cannot do themselves.
            DidNotStart: it did not become ready, and was stopped again.
        """
        deny_modules(by, "enable modules")
        async with self.changing:
            await self.look()
            known = self.known(slug)
            manifest = self.sound(known)
            if grant_all:
                await self.decide_on(slug, manifest, manifest.permissions, by)
            self.demand_decided(slug, manifest)
            for other in self.shelf.needs(slug):
                if not self.is_on(other):
                    raise Conflict(
                        f"the module {slug!r} needs {other!r}, which is not on",
                        hint=f"Enable that first: lumina plugin enable {other}",
                    )
            runnable = self.runnable(slug, known, manifest)
            self.runner.check_paths(runnable)
            present = self.runner.running.get(slug)
            if self.serves and runnable != present and (reason := await self.runner.start(runnable)):
                await self.runner.stop(slug)
                raise DidNotStart(slug, reason, then="It was stopped again.")
            await self.save(slug, switched=True)
            await self.audit.record(
                AuditEvent.MODULE_ENABLED, by=by.id, about=module_id(slug), version=manifest.version
            )
            return self.shown(slug)

    async def disable(self, slug: str, *, by: Principal) -> ModuleDetail:
        """Switch a module off. Requests under way may finish.

        Raises:
            Conflict: a module that is on needs it.
        """
        deny_modules(by, "disable modules")
        async with self.changing:
            await self.find(slug)
            self.demand_unneeded(slug, "Disable that first: lumina plugin disable {}")
            await self.save(slug, switched=False)
            await self.runner.stop(slug)
            await self._tokens.end(slug)
            await self.audit.record(AuditEvent.MODULE_DISABLED, by=by.id, about=module_id(slug))
            return self.shown(slug)

    async def restart(self, slug: str, *, grant_all: bool, by: Principal) -> ModuleDetail:
        """Start a module anew, from its manifest and sources as they are now, out of a crash loop too.

        Raises:
            InvalidModule: its manifest does not allow it any more; it goes on as it was.
            Conflict: it is off.
            WaitsForGrants: its manifest asks for more now, and not with `grant_all`; it goes on as it was.
            MissingScope: `by` may not grant what they cannot do themselves.
            DidNotStart: it did not become ready; it is tried again.
        """
        deny_modules(by, "restart modules")
        async with self.changing:
            if not self.is_on(slug):
                await self.find(slug)
                raise Conflict(f"the module {slug!r} is off", hint=f"Enable it: lumina plugin enable {slug}")
            await self.look(anew=slug)
            known = self.known(slug)
            manifest = self.sound(known)
            if grant_all:
                await self.decide_on(slug, manifest, manifest.permissions, by)
            self.demand_decided(slug, manifest)
            runnable = self.runnable(slug, known, manifest)
            self.runner.check_paths(runnable)
            if self.serves and (reason := await self.runner.start(runnable)):
                raise DidNotStart(slug, reason, then="It is tried again.")
            return self.shown(slug)

    async def config(self, slug: str) -> ModuleConfig:
        """A module's settings, and their schema. Secrets are left out."""
        manifest = self._readable(await self.find(slug))
        values = shown(manifest, self.record(slug).config)
        return ModuleConfig(values=values, config_schema=manifest.config_schema)

    async def put_config(self, slug: str, values: Mapping[str, JsonValue], *, by: Principal) -> ModuleConfig:
        """Give a module other settings, and start it anew with them if it runs.

        Raises:
            InvalidModuleConfig: they do not follow its schema.
            DidNotStart: it did not become ready with them; it has its former ones again.
        """
        deny_modules(by, "change the settings of modules")
        async with self.changing:
            known = await self.find(slug)
            manifest = self._readable(known)
            before = self.record(slug).config
            after = kept_secrets(manifest, values, before)
            check_config(manifest, after)
            await self.save(slug, config=after)
            running = self.runner.running.get(slug)
            if running is not None and (reason := await self.runner.start(self.runnable(slug, known, manifest))):
                await self.save(slug, config=before)
                await self.runner.start(running)
                raise DidNotStart(slug, reason, then="It has its former settings again.")
            return ModuleConfig(values=shown(manifest, after), config_schema=manifest.config_schema)

    async def look(self, *, anew: str | None = None) -> None:
        """See what there is now. Modules that run are looked at `anew` only when asked for by name."""
        running = {slug: it.manifest for slug, it in self.runner.running.items() if slug != anew}
        await asyncio.to_thread(self.shelf.look, self.records, running=running)

    def shown(self, slug: str) -> ModuleDetail:
        """A module as it was when somebody looked last."""
        return detail_of(self.known(slug), self.record(slug), self.runner, self.shelf, serves=self.serves)

    async def find(self, slug: str) -> Known:
        """A module, also one that was put there a moment ago."""
        if slug not in self.shelf.modules:
            await self.look()
        return self.known(slug)

    def known(self, slug: str) -> Known:
        """A module that was there when somebody looked last."""
        if slug not in self.shelf.modules:
            raise NotFound(f"there is no module {slug!r}", hint="`lumina plugin list` shows those there are.")
        return self.shelf.modules[slug]

    def record(self, slug: str) -> ModuleRecord:
        return self.records.get(slug, ModuleRecord())

    async def save(self, slug: str, **changes: object) -> None:
        """Change a module's record, here and on disk."""
        record = self.record(slug).model_copy(update=changes)
        await self._store.save(slug, record)
        self.records[slug] = record

    async def end_tokens(self, slug: str) -> None:
        """Let no token of the module's be good any more."""
        await self._tokens.end(slug)

    async def forget(self, slug: str) -> None:
        await self._store.forget(slug)
        self.records.pop(slug, None)

    def runnable(self, slug: str, known: Known, manifest: Manifest) -> Runnable:
        record = self.record(slug)
        return Runnable(known.found, manifest, decide(manifest, record.grants).allowed, record.config)

    def demand_decided(self, slug: str, manifest: Manifest) -> Decision:
        """Raises `WaitsForGrants`."""
        decision = decide(manifest, self.record(slug).grants)
        if decision.undecided:
            raise WaitsForGrants(slug, decision.undecided)
        return decision

    def demand_unneeded(self, slug: str, hint: str) -> None:
        """Raises `Conflict` if a module that is on needs this one."""
        for other in self.shelf.needed_by(slug):
            if self.is_on(other):
                raise Conflict(f"the module {other!r} is on and needs {slug!r}", hint=hint.format(other))

    async def decide_on(self, slug: str, manifest: Manifest, scopes: tuple[str, ...], by: Principal) -> None:
        """Keep what somebody decided about a version.

        Raises:
            InvalidInput: it does not ask for that.
            MissingScope: `by` may not do that themselves.
        """
        surplus = ScopeSet(manifest.permissions).missing(scopes)
        if surplus:
            raise InvalidInput(
                f"the module {slug!r} does not ask for {', '.join(surplus)}",
                hint=f"It asks for {', '.join(manifest.permissions) or 'nothing'}.",
            )
        by.demand(*scopes)
        former = decide(manifest, self.record(slug).grants)
        grant = Grant(
            version=manifest.version, asked=manifest.permissions, scopes=scopes, by=by.id, at=round(self._clock(), 3)
        )
        await self.save(slug, grants=with_grant(self.record(slug).grants, grant))
        after = decide(manifest, self.record(slug).grants)
        about = module_id(slug)
        await self.audit.record(
            AuditEvent.GRANTED, by=by.id, about=about, version=manifest.version, scopes=" ".join(scopes)
        )
        if lost := after.allowed.missing(former.allowed):
            await self.audit.record(AuditEvent.GRANT_WITHDRAWN, by=by.id, about=about, scopes=" ".join(lost))
            await self._tokens.end(slug)

    async def _start_after(self, slug: str, needed: list[asyncio.Task[None]]) -> None:
        if needed:
            await asyncio.wait(needed)
        known = self.shelf.modules[slug]
        if not self.is_on(slug) or known.manifest is None or known.faults:
            return
        if decide(known.manifest, self.record(slug).grants).undecided:
            _log.warning("module_waits_for_grants", module=slug, version=known.manifest.version)
            return
        runnable = self.runnable(slug, known, known.manifest)
        try:
            self.runner.check_paths(runnable)
            if reason := await self.runner.start(runnable):
                _log.warning("module_not_well", module=slug, reason=reason)
        except Exception:
            _log.exception("module_not_started", module=slug)

    def is_on(self, slug: str) -> bool:
        return self.record(slug).switched is True

    def sound(self, known: Known) -> Manifest:
        """The manifest, if the module can be run by it."""
        if known.manifest is None or (known.examined is not None and known.examined.errors):
            raise InvalidModule(known.found.slug, known.examined.errors if known.examined is not None else ())
        if known.obstacles:
            raise Conflict(
                f"the module {known.found.slug!r} cannot run: {'; '.join(map(str, known.obstacles))}",
                hint="Install or update what it needs.",
            )
        return known.manifest

    def _readable(self, known: Known) -> Manifest:
        if known.manifest is None:
            raise InvalidModule(known.found.slug, known.examined.errors if known.examined is not None else ())
        return known.manifest


def deny_modules(by: Principal, what: str) -> None:
    """Raises `NotForModules` where a module, for itself or for somebody, asks for what only people decide."""
    if by.kind is PrincipalKind.MODULE:
        raise NotForModules(what)
