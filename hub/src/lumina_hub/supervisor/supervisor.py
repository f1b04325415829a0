"""Every module's process."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from lumina_core.errors import InvalidInput, NotFound
from lumina_hub.supervisor.logs import ModuleLog
from lumina_hub.supervisor.metrics import SupervisorMetrics
from lumina_hub.supervisor.module_spec import ModuleSpec
from lumina_hub.supervisor.places import Places
from lumina_hub.supervisor.process import ModuleProcess, ProcessState, ProcessStatus, Tokens
from lumina_hub.supervisor.restarts import Pace, RestartPolicy
from lumina_hub.supervisor.sampling import Usage, sample

__all__ = ["Supervisor"]

_log = structlog.get_logger(__name__)


class Supervisor:
    """Starts and stops module processes, keeps them running, and says how they are.

    One module's trouble is its own: nothing here waits for one module before it looks after another.
    """

    def __init__(
        self,
        home: Path,
        *,
        hub_socket: Path,
        tokens: Tokens,
        metrics: SupervisorMetrics,
        on_change: Callable[[ProcessStatus], None] = lambda _: None,
        pace: Pace | None = None,
        now: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        launcher: Sequence[str] = (sys.executable, "-I", "-m", "lumina_hub.supervisor.launch"),
    ) -> None:
        """
        Args:
            home: The data directory.
            hub_socket: Where the hub listens for modules. It should be there when a module is started.
            tokens: Makes modules' tokens.
            metrics: What to measure in.
            on_change: Called on the loop whenever a module's state changes; must not raise.
            pace: How patient to be.
            now: A clock in seconds that never goes back, for restarts.
            jitter: Gives numbers in [0, 1).
            launcher: What builds the walls; tests put another machine's limits in this way.
        """
        self._home = home
        self._hub_socket = hub_socket
        self._tokens = tokens
        self._metrics = metrics
        self._on_change = on_change
        self._pace = pace or Pace()
        self._now = now
        self._jitter = jitter
        self._launcher = launcher
        self._modules: dict[str, ModuleProcess] = {}
        self._specs: dict[str, ModuleSpec] = {}
        self._cpu_s: dict[str, tuple[int, float, float]] = {}
        self._sampling: asyncio.Task[None] | None = None

    async def start(self, spec: ModuleSpec) -> ProcessStatus:
        """Start a module, or restart it with another spec; returns once it is ready or its first start has failed.

        A failure is no error: the status says why, and it is tried again until it is stopped or in a crash loop.

        Raises:
            InvalidInput: what it is to read holds the data directory.
        """
        for path in spec.readable:
            if self._home.is_relative_to(path):
                raise InvalidInput(
                    f"the module {spec.slug!r} would read the data directory: {path} holds it",
                    hint="Keep the data directory apart from Python and from modules' folders.",
                )
        self._specs[spec.slug] = spec
        if (running := self._modules.get(spec.slug)) is not None:
            return await running.restart(spec)
        if self._sampling is None:
            self._sampling = asyncio.create_task(self._sample(), name="module-sampling")
        places = await asyncio.to_thread(Places.make, self._home, spec.slug)
        process = ModuleProcess(
            spec,
            places,
            ModuleLog(self.logs_dir, spec.slug),
            hub_socket=self._hub_socket,
            tokens=self._tokens,
            pace=self._pace,
            policy=RestartPolicy(self._pace, now=self._now, jitter=self._jitter),
            on_change=self._changed,
            launcher=self._launcher,
        )
        self._modules[spec.slug] = process
        return await process.start()

    async def restart(self, slug: str) -> ProcessStatus:
        """Restart a module as it is, out of a crash loop too.

        Raises:
            NotFound: it was not started, or was stopped.
        """
        return await self._running(slug).restart(self._specs[slug])

    async def stop(self, slug: str) -> None:
        """Stop a module and everything it started; one that does not run is left alone."""
        process = self._modules.pop(slug, None)
        self._specs.pop(slug, None)
        if process is not None:
            await process.stop()

    async def close(self) -> None:
        """Stop every module, all at the same time."""
        if self._sampling is not None:
            self._sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sampling
            self._sampling = None
        await asyncio.gather(*(self.stop(slug) for slug in tuple(self._modules)))

    def status(self, slug: str) -> ProcessStatus:
        """How a module is; `stopped` for one that is not wanted."""
        process = self._modules.get(slug)
        return process.status if process is not None else ProcessStatus(slug, ProcessState.STOPPED)

    def socket(self, slug: str) -> Path:
        """Where a module listens.

        Raises:
            NotFound: it was not started, or was stopped.
        """
        return self._running(slug).socket

    @property
    def logs_dir(self) -> Path:
        return self._home / "logs" / "modules"

    def _running(self, slug: str) -> ModuleProcess:
        if (process := self._modules.get(slug)) is None:
            raise NotFound(f"the module {slug!r} does not run", hint="Enable it first.")
        return process

    def _changed(self, status: ProcessStatus) -> None:
        self._metrics.up.labels(status.slug).set(status.state is ProcessState.READY)
        if status.state is ProcessState.STARTING and status.restarts:
            self._metrics.restarts.labels(status.slug).inc()
        self._on_change(status)

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(self._pace.sample_every_s)
            keepers: dict[str, tuple[int, int]] = {}  # process id, and how many generations are ours
            for slug, module in self._modules.items():
                status = module.status
                if status.pid is not None and status.walls is not None:
                    keepers[slug] = (status.pid, 2 if status.walls.own_root else 1)
            found = await asyncio.to_thread(sample, dict(keepers.values()))
            now = time.monotonic()
            for slug, (pid, _) in keepers.items():
                if pid in found and slug in self._modules:
                    self._take(slug, pid, found[pid], now)

    def _take(self, slug: str, pid: int, usage: Usage, now: float) -> None:
        before_pid, before_cpu_s, before = self._cpu_s.get(slug, (0, 0.0, 0.0))
        percent: float | None = None
        if before_pid == pid:
            spent_s = max(0.0, usage.cpu_s - before_cpu_s)
            self._metrics.cpu.labels(slug).inc(spent_s)
            percent = round(100 * spent_s / max(now - before, 1e-3), 1)
        self._cpu_s[slug] = (pid, usage.cpu_s, now)
        self._metrics.memory.labels(slug).set(usage.memory_bytes)
        self._metrics.processes.labels(slug).set(usage.processes)
        self._modules[slug].note_usage(usage, percent)
