"""One module's process: started, watched, started again, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import structlog

from lumina_hub.errors import HubError
from lumina_hub.gateway.http_upstream import HttpUpstream
from lumina_hub.gateway.upstream import Timeouts, UpstreamRequest
from lumina_hub.supervisor.cgroups import make_groups, remove_groups
from lumina_hub.supervisor.logs import ModuleLog
from lumina_hub.supervisor.module_spec import ModuleSpec
from lumina_hub.supervisor.places import Places, write_private
from lumina_hub.supervisor.restarts import Pace, RestartPolicy
from lumina_hub.supervisor.sampling import Usage
from lumina_hub.supervisor.spec import LaunchSpec, Walls
from lumina_sdk.contract import ScopeSet
from lumina_sdk.contract.module import LogLevel

__all__ = ["IssuedToken", "ModuleProcess", "ProcessState", "ProcessStatus", "Tokens"]

_log = structlog.get_logger(__name__)
_LEAST_TOKEN_PAUSE_S = 1.0


class IssuedToken(Protocol):
    @property
    def text(self) -> str: ...

    @property
    def lifetime_s(self) -> float: ...


class Tokens(Protocol):
    """Makes the token a module calls the hub with for itself."""

    def for_module(self, slug: str, scopes: ScopeSet) -> IssuedToken: ...


class ProcessState(StrEnum):
    """`waiting`: it ended and is started again in a moment. `crash_loop`: it ended too often and stays down until a
    restart is asked for."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    CRASH_LOOP = "crash_loop"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What the supervisor knows. `reason` says why it is not ready; times are epoch seconds."""

    slug: str
    state: ProcessState
    reason: str = ""
    pid: int | None = None
    started_at: float | None = None
    restarts: int = 0
    checked_at: float | None = None
    walls: Walls | None = None
    usage: Usage | None = None
    cpu_percent: float | None = None


class ModuleProcess:
    """Use through `Supervisor`. It lives as long as the module is wanted, through any number of real processes."""

    def __init__(
        self,
        spec: ModuleSpec,
        places: Places,
        log: ModuleLog,
        *,
        hub_socket: Path,
        tokens: Tokens,
        pace: Pace,
        policy: RestartPolicy,
        on_change: Callable[[ProcessStatus], None],
        launcher: Sequence[str],
    ) -> None:
        self._spec = spec
        self._places = places
        self._log = log
        self._hub_socket = hub_socket
        self._tokens = tokens
        self._pace = pace
        self._policy = policy
        self._on_change = on_change
        self._launcher = launcher
        self._status = ProcessStatus(spec.slug, ProcessState.STARTING)
        self._upstream = HttpUpstream(spec.slug, places.socket)
        self._settled = asyncio.Event()
        self._again = asyncio.Event()
        self._end_run = asyncio.Event()
        self._overuse = ""
        self._life: asyncio.Task[None] | None = None

    @property
    def status(self) -> ProcessStatus:
        return self._status

    @property
    def socket(self) -> Path:
        return self._places.socket

    async def start(self) -> ProcessStatus:
        """Start it, and return once it is ready or its first start has failed; it goes on trying."""
        self._life = asyncio.create_task(self._live(), name=f"module-{self._spec.slug}")
        await self._settled.wait()
        return self._status

    async def restart(self, spec: ModuleSpec) -> ProcessStatus:
        """End it and start it anew at once, out of a crash loop too; returns as `start` does."""
        self._spec = spec
        self._policy.forget()
        self._settled.clear()
        self._again.set()
        self._end_run.set()
        await self._settled.wait()
        return self._status

    async def stop(self) -> None:
        """Ask it to end, and make it end. Twice is fine."""
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await life
        self._settled.set()
        await self._upstream.close()
        self._log.close()
        self._places.remove_run()
        self._enter(ProcessState.STOPPED, "")

    def note_usage(self, usage: Usage, cpu_percent: float | None) -> None:
        """Take in a measurement; what uses more than its limits is ended."""
        self._status = replace(self._status, usage=usage, cpu_percent=cpu_percent)
        limits = self._spec.limits
        if usage.memory_bytes > limits.memory_bytes:
            self._overuse = (
                f"it took {usage.memory_bytes >> 20:,} MiB of memory, and may take {limits.memory_bytes >> 20:,}"
            )
        elif usage.processes > limits.processes:
            self._overuse = f"it had {usage.processes} processes, and may have {limits.processes}"
        else:
            return
        self._end_run.set()

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._end_run.clear()
            self._again.clear()
            self._overuse = ""
            self._enter(ProcessState.STARTING, "")
            began = loop.time()
            reason = await self._run()
            if self._again.is_set():
                continue
            wait_s = self._policy.after(loop.time() - began)
            state = ProcessState.CRASH_LOOP if wait_s is None else ProcessState.WAITING
            self._log.note(LogLevel.ERROR, "process_ended", reason=reason, next_start_s=wait_s)
            _log.warning("module_ended", module=self._spec.slug, reason=reason, next_start_s=wait_s)
            self._enter(state, reason)
            self._settled.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._again.wait()
            self._status = replace(self._status, restarts=self._status.restarts + 1)

    async def _run(self) -> str:
        """One real process from its start to its end, which is complete when this returns; why it ended."""
        spec = self._spec
        groups = await asyncio.to_thread(make_groups, spec.slug, spec.limits)
        process: asyncio.subprocess.Process | None = None
        helpers: list[asyncio.Task[None]] = []
        try:
            helpers.append(asyncio.create_task(self._renew_token(self._write_files(groups))))
            process = await self._spawn()
            assert process.stdout is not None  # noqa: S101 - asked for
            following = asyncio.create_task(self._log.follow(process.stdout))
            helpers.append(following)
            reason = await self._watch(process)
        except OSError as error:
            reason = f"it cannot be started: {error}"
        finally:
            if process is not None:
                await self._end(process)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await asyncio.shield(following)  # its last words
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._status = replace(self._status, pid=None, usage=None, cpu_percent=None)
            await asyncio.to_thread(remove_groups, groups)
        return reason

    def _write_files(self, groups: tuple[Path, ...]) -> float:
        """What the launcher and the module read; returns when the token is to be renewed, in seconds."""
        spec, places = self._spec, self._places
        places.socket.unlink(missing_ok=True)
        places.notes.unlink(missing_ok=True)
        write_private(places.config, json.dumps(dict(spec.config)))
        renew_s = self._write_token()
        environment = {
            "PATH": f"{Path(spec.command[0]).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(places.data),
            "TMPDIR": str(places.data / "tmp"),
            "PYTHONUNBUFFERED": "1",
            "LUMINA_MODULE": spec.slug,
            "LUMINA_ENTRYPOINT": spec.entrypoint,
            "LUMINA_SOCKET": str(places.socket),
            "LUMINA_HUB": str(self._hub_socket),
            "LUMINA_TOKEN_FILE": str(places.token),
            "LUMINA_CONFIG_FILE": str(places.config),
        }
        readable = [str(path) for path in spec.readable]
        if spec.manifest is not None:
            environment["LUMINA_MANIFEST"] = str(spec.manifest)
            readable.append(str(spec.manifest.parent))
        LaunchSpec(
            command=spec.command,
            environment=environment,
            directory=str(places.data),
            readable=tuple(readable),
            writable=(str(places.data),),
            run_dir=str(places.run),
            reachable=(str(self._hub_socket),),
            network=spec.network,
            limits=spec.limits,
            notes=str(places.notes),
            root=str(places.root),
            cgroups=tuple(map(str, groups)),
        ).write(places.spec)
        return renew_s

    def _write_token(self) -> float:
        token = self._tokens.for_module(self._spec.slug, self._spec.scopes)
        write_private(self._places.token, token.text)
        return max(_LEAST_TOKEN_PAUSE_S, token.lifetime_s / 2)

    async def _renew_token(self, wait_s: float) -> None:
        while True:
            await asyncio.sleep(wait_s)
            wait_s = self._write_token()

    async def _spawn(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._launcher,
            str(self._places.spec),
            str(os.getpid()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"LANG": "C.UTF-8"},
            cwd="/",
            limit=65_536,
        )
        self._status = replace(self._status, pid=process.pid, started_at=time.time(), walls=None)
        return process

    async def _watch(self, process: asyncio.subprocess.Process) -> str:
        """Wait until it has ended, is unwell, or is to be ended; say why."""
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(self._end_run.wait())
        unwell = asyncio.create_task(self._until_unwell())
        waits: tuple[asyncio.Task[Any], ...] = (ended, asked, unwell)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return self._overuse or "it was asked to end"
            return _ended(ended.result()) if ended.done() else unwell.result()
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _until_unwell(self) -> str:
        pace = self._pace
        try:
            async with asyncio.timeout(pace.ready_s):
                while not await self._answers(b"/_lumina/ready"):
                    await asyncio.sleep(pace.poll_s)
                    self._status = replace(self._status, walls=self._status.walls or self._walls())
        except TimeoutError:
            return f"it was not ready within {pace.ready_s:g} s"
        self._status = replace(self._status, walls=self._status.walls or self._walls(), checked_at=time.time())
        self._log.note(LogLevel.INFO, "process_ready", pid=self._status.pid)
        self._enter(ProcessState.READY, "")
        self._settled.set()
        failures = 0
        while failures < pace.health_failures:
            await asyncio.sleep(pace.health_every_s)
            failures = 0 if await self._answers(b"/_lumina/health") else failures + 1
            self._status = replace(self._status, checked_at=time.time())
        return f"its health check failed {failures} times in a row"

    async def _answers(self, target: bytes) -> bool:
        timeouts = Timeouts(self._pace.health_timeout_s, self._pace.health_timeout_s)
        request = UpstreamRequest("GET", target, [(b"host", b"localhost")], b"", 0, timeouts)
        try:
            response = await self._upstream.send(request)
        except HubError:
            return False
        response.close()
        return response.status == 200

    def _walls(self) -> Walls | None:
        try:
            return Walls(**json.loads(self._places.notes.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """SIGTERM, then everything it ever started is killed."""
        for number, patience_s in ((signal.SIGTERM, self._pace.stop_s), (signal.SIGUSR1, 5.0), (signal.SIGKILL, None)):
            if process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await process.wait()

    def _enter(self, state: ProcessState, reason: str) -> None:
        self._status = replace(self._status, state=state, reason=reason)
        self._on_change(self._status)


def _ended(code: int) -> str:
    if code > 128:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(code - 128).name}"
    return f"it ended with status {code}"
