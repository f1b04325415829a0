"""Modules that run: their processes, their places in the gateway, and how they are."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from pydantic import JsonValue

from lumina_hub.errors import HubError
from lumina_hub.gateway.http_upstream import HttpUpstream
from lumina_hub.gateway.table import ModuleRoutes, RouteTable
from lumina_hub.gateway.upstream import Timeouts, Upstream, UpstreamRequest
from lumina_hub.registry.discovery import Found
from lumina_hub.registry.pip import python_of
from lumina_hub.supervisor.module_spec import ModuleSpec, limits_of, paths_of
from lumina_hub.supervisor.process import ProcessState, ProcessStatus
from lumina_sdk.contract import ModuleHealth, ModuleProcess, ScopeSet
from lumina_sdk.contract.manifest import Manifest

__all__ = ["Runnable", "Runner", "Supervising", "Switchboard"]

_ASK_EVERY_S = 10.0
_PATIENCE = Timeouts(5.0, 5.0)
_LONGEST_DESCRIPTION = 1 << 20
_SERVE = (
    "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('lumina_sdk.serve', None, '__main__')"
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Runnable:
    """A module as it runs, or would: what it may do (`scopes`) and what it is told (`config`)."""

    found: Found
    manifest: Manifest
    scopes: ScopeSet
    config: Mapping[str, JsonValue]

    @property
    def slug(self) -> str:
        return self.found.slug


class Supervising(Protocol):
    """What is needed of the supervisor."""

    async def start(self, spec: ModuleSpec) -> ProcessStatus: ...

    async def stop(self, slug: str) -> None: ...

    def status(self, slug: str) -> ProcessStatus: ...

    def socket(self, slug: str) -> Path: ...


class Switchboard(Protocol):
    """Tells callers the way to modules."""

    @property
    def reserved(self) -> Sequence[str]:
        """Path templates no module may have."""

    def replace(self, table: RouteTable) -> None:
        """Send callers where the table says, from the next request on."""

    def note_descriptions(self) -> None:
        """What modules say of their endpoints has changed."""


@dataclass(slots=True)
class _Remote:
    """A module that runs elsewhere, and its last answer to a health check."""

    upstream: Upstream
    health: ModuleHealth


class Runner:
    """Starts and stops what it is told to, and keeps the gateway's table in step.

    Args:
        supervisor: Keeps processes.
        switchboard: Is told of every change.
        connect: Makes an upstream of a slug at an address.
        clock: The present, epoch seconds.
    """

    def __init__(
        self,
        supervisor: Supervising,
        switchboard: Switchboard,
        *,
        connect: Callable[[str, Path | str], Upstream] = HttpUpstream,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._supervisor = supervisor
        self._switchboard = switchboard
        self._connect = connect
        self._clock = clock
        self._running: dict[str, Runnable] = {}
        self._remotes: dict[str, _Remote] = {}
        self._descriptions: dict[str, dict[str, Any]] = {}

    @property
    def running(self) -> Mapping[str, Runnable]:
        """Those that were started and not stopped, well or not."""
        return self._running

    @property
    def descriptions(self) -> Mapping[str, dict[str, Any]]:
        """What modules say of their endpoints: `paths` and `components` of OpenAPI."""
        return self._descriptions

    def check_paths(self, module: Runnable) -> None:
        """Raises `Conflict` if the module's endpoints lie where the core's or another running module's do."""
        others = (other for slug, other in self._running.items() if slug != module.slug)
        RouteTable((self._routes(it, "http://unused") for it in (*others, module)), reserved=self._switchboard.reserved)

    async def start(self, module: Runnable) -> str:
        """Start a module, or start it anew as it is now; returns why it is not well, "" where it is.

        One that is not well is kept, and tried again, until it is stopped.
        """
        url = module.manifest.url
        if url is not None:
            await self._let_go(module.slug)
            remote = _Remote(self._connect(module.slug, url), ModuleHealth(healthy=False, checked_at=0.0))
            self._remotes[module.slug] = remote
            await self._ask(module.slug, remote)
        else:
            await self._supervisor.start(await asyncio.to_thread(_spec, module))
        self._running[module.slug] = module
        self._publish()
        ailment = self.ailment(module.slug)
        if not ailment:
            await self.describe(module.slug)
        return ailment

    async def stop(self, slug: str) -> None:
        """Take a module out of the gateway, then stop it. Nothing happens if it does not run."""
        module = self._running.pop(slug, None)
        self._descriptions.pop(slug, None)
        if module is None:
            return
        self._publish()
        await self._let_go(slug)
        await self._supervisor.stop(slug)

    async def stop_all(self) -> None:
        """Stop every module, all at the same time."""
        await asyncio.gather(*(self.stop(slug) for slug in list(self._running)))

    def ailment(self, slug: str) -> str:
        """Why a running module is not well; "" where it is."""
        remote = self._remotes.get(slug)
        if remote is not None:
            return "" if remote.health.healthy else remote.health.detail
        status = self._supervisor.status(slug)
        if status.state is ProcessState.READY:
            return ""
        said = {
            ProcessState.STARTING: "it is starting",
            ProcessState.WAITING: "it is started again in a moment",
            ProcessState.CRASH_LOOP: "it ended too often and is left alone",
            ProcessState.STOPPED: "it does not run",
        }[status.state]
        return f"{said}: {status.reason}" if status.reason else said

    def process(self, slug: str) -> ModuleProcess | None:
        status = self._supervisor.status(slug)
        if status.pid is None or status.started_at is None:
            return None
        return ModuleProcess(
            pid=status.pid,
            started_at=status.started_at,
            restarts=status.restarts,
            cpu_percent=status.cpu_percent,
            memory_bytes=status.usage.memory_bytes if status.usage is not None else None,
        )

    def health(self, slug: str) -> ModuleHealth | None:
        remote = self._remotes.get(slug)
        if remote is not None:
            return remote.health
        status = self._supervisor.status(slug)
        if status.checked_at is None:
            return None
        return ModuleHealth(
            healthy=status.state is ProcessState.READY, checked_at=status.checked_at, detail=status.reason
        )

    async def describe(self, slug: str) -> None:
        """Ask a module what its endpoints take and give. One that does not say is described by its manifest alone."""
        module = self._running[slug]
        remote = self._remotes.get(slug)
        upstream = remote.upstream if remote is not None else self._connect(slug, self._supervisor.socket(slug))
        try:
            answer = await _get(upstream, "/_lumina/openapi")
            found = json.loads(answer) if answer is not None else None
        except (HubError, ValueError, RecursionError):
            found = None
        finally:
            if remote is None:
                await upstream.close()
        if self._running.get(slug) is not module:
            return
        self._descriptions.pop(slug, None)
        if isinstance(found, dict):
            self._descriptions[slug] = found
        self._switchboard.note_descriptions()

    async def watch(self) -> None:
        """Ask modules that run elsewhere how they are, for ever."""
        while True:
            await asyncio.sleep(_ASK_EVERY_S)
            asked = list(self._remotes.items())
            await asyncio.gather(*(self._ask(slug, remote) for slug, remote in asked))

    async def close(self) -> None:
        """Let go of modules that run elsewhere. Processes are the supervisor's."""
        for slug in list(self._remotes):
            await self._let_go(slug)

    async def _ask(self, slug: str, remote: _Remote) -> None:
        detail = ""
        try:
            if await _get(remote.upstream, "/_lumina/health") is None:
                detail = "it does not say that it is well"
        except HubError as error:
            detail = error.message
        well = not detail
        if remote.health.healthy is not well:
            _log.info("module_health", module=slug, healthy=well, reason=detail)
        remote.health = ModuleHealth(healthy=well, checked_at=self._clock(), detail=detail)
        if well and slug in self._running and slug not in self._descriptions:
            await self.describe(slug)

    async def _let_go(self, slug: str) -> None:
        remote = self._remotes.pop(slug, None)
        if remote is not None:
            await remote.upstream.close()

    def _publish(self) -> None:
        routes = [self._routes(module, self._address(module)) for module in self._running.values()]
        self._switchboard.replace(RouteTable(routes, reserved=self._switchboard.reserved))

    def _address(self, module: Runnable) -> Path | str:
        return module.manifest.url or self._supervisor.socket(module.slug)

    def _routes(self, module: Runnable, address: Path | str) -> ModuleRoutes:
        return ModuleRoutes(module.slug, address, module.manifest.endpoints, module.scopes)


def _spec(module: Runnable) -> ModuleSpec:
    found, manifest = module.found, module.manifest
    python = python_of(found.environment) if found.environment is not None else Path(sys.executable)
    command: tuple[str, ...] = (str(python), "-P", "-m", "lumina_sdk.serve")
    readable = paths_of(python)
    if found.sources is not None:
        command = (str(python), "-P", "-c", _SERVE, str(found.sources))
        readable = (*readable, found.sources)
    return ModuleSpec(
        slug=module.slug,
        command=command,
        entrypoint=manifest.entrypoint or "",
        manifest=found.manifest,
        readable=readable,
        scopes=module.scopes,
        config=dict(module.config),
        network=module.scopes.covers("use:network"),
        limits=limits_of(manifest.limits),
    )


async def _get(upstream: Upstream, target: str) -> bytes | None:
    """What a module answers, if it answers 200 and not without end. Raises `ModuleError`."""
    request = UpstreamRequest("GET", target.encode(), [(b"host", b"localhost")], b"", 0, _PATIENCE)
    response = await upstream.send(request)
    try:
        if response.status != 200:
            return None
        body, more = b"", True
        while more:
            piece, more = await response.read()
            body += piece
            if len(body) > _LONGEST_DESCRIPTION:
                return None
        return body
    finally:
        with suppress(HubError):
            response.close()
