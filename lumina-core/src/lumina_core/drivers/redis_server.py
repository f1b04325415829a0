"""Redis as a child process of ours on a private Unix socket, started again when it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from lumina_core.drivers.redis_binary import RedisBinary, find_redis
from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.drivers.redis_home import RedisHome
from lumina_core.errors import CoreError, InvalidInput, RedisDown, StorageFull

__all__ = ["ExternalRedis", "RedisServer", "RedisService", "RedisState"]

log = structlog.get_logger()

_POLL_S: Final = 0.01
_FIRST_BACKOFF_S: Final = 0.1
_LAST_BACKOFF_S: Final = 5.0
_STEADY_S: Final = 30.0
"""A Redis that lived this long is started again at once."""

_STOP_TIMEOUT_S: Final = 20.0

_LAUNCHER: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
os.umask(0o077)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel to stop Redis when we die, then becomes Redis. `preexec_fn` could do it, but not beside threads."""


class RedisState(StrEnum):
    """What the supervisor knows. `full`: the disk has no room, Redis is tried again until it has."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FULL = "full"
    STOPPED = "stopped"


class RedisService(Protocol):
    """A Redis to talk to, ours or somebody else's. `path`, `pid` and `socket` are None where it is not ours."""

    @property
    def url(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def path(self) -> Path | None: ...

    @property
    def pid(self) -> int | None: ...

    @property
    def socket(self) -> Path | None: ...

    @property
    def state(self) -> RedisState: ...

    def client(self, *, decode_responses: bool = True) -> RedisClient:
        """Make a client, which the caller closes."""

    async def stop(self) -> None:
        """Stop what is ours. Calling it twice is fine."""


class RedisServer:
    """Use through `start`. One event loop owns it; clients may be made anywhere."""

    def __init__(self, home: RedisHome, binary: RedisBinary, on_state: Callable[[RedisState], None] | None) -> None:
        self._home = home
        self._binary = binary
        self._on_state = on_state
        self._state = RedisState.STARTING
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._log_start = 0
        self._stopping = False

    @classmethod
    async def start(
        cls,
        directory: Path,
        executable: Path | None = None,
        *,
        logs_dir: Path | None = None,
        on_state: Callable[[RedisState], None] | None = None,
        patience_s: float = 10.0,
    ) -> RedisServer:
        """Start Redis on `directory` and return once it has loaded its data and answers.

        Args:
            directory: Its data, configuration and socket; made if missing.
            executable: See `find_redis`.
            logs_dir: Where `redis.log` goes; `directory` if None.
            on_state: Called on the loop with every change of `state`; must not raise.
            patience_s: How long to wait for a Redis that is just ending there.

        Raises:
            Conflict: another process uses `directory`.
            RedisDown: there is no Redis server to run, or it does not start; says what it logged last.
            StorageFull: the disk is full.
            InvalidInput: a newer Redis has written `directory`.
        """
        binary = await asyncio.to_thread(find_redis, executable)
        home = await asyncio.to_thread(RedisHome.claim, directory, logs_dir=logs_dir, patience_s=patience_s)
        server = cls(home, binary, on_state)
        try:
            home.check_format(binary)
            await server._start_readable()
        except BaseException:
            await server.stop()
            raise
        server._enter(RedisState.READY)
        server._supervisor = asyncio.create_task(server._supervise(), name="redis-supervisor")
        return server

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._home.socket))}"

    @property
    def version(self) -> str:
        return self._binary.version_text

    @property
    def path(self) -> Path:
        return self._binary.path

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def socket(self) -> Path:
        return self._home.socket

    @property
    def state(self) -> RedisState:
        return self._state

    def client(self, *, decode_responses: bool = True) -> RedisClient:
        return connect_redis(self.url, decode_responses=decode_responses, diagnose=self._diagnose)

    async def stop(self) -> None:
        self._stopping = True
        if self._supervisor:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        await self._end_process()
        self._home.release()
        self._enter(RedisState.STOPPED)

    async def _start_readable(self) -> None:
        """Start; on the snapshot if the append-only file is damaged, and empty if that is damaged too."""
        for _ in range(2):
            try:
                await self._start_process()
                return
            except RedisDown:
                failure = self._home.read_failure(self._log_start)
                if not failure.damaged:
                    raise
            aside = self._home.set_aside()
            log.error("redis_data_damaged", moved_to=str(aside), said=failure.last_line)
        await self._start_process()

    async def _start_process(self) -> None:
        try:
            self._log_start = self._home.open_log()
            config = self._home.write_config()
            self._process = await self._spawn(config)
            self._home.note_holder(self._process.pid)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._full() from error
            raise RedisDown(
                f"Redis does not start: {error}", hint=f"Check that {str(self._home.directory)!r} can be written."
            ) from error
        await self._wait_until_ready(self._process)

    async def _spawn(self, config: Path) -> asyncio.subprocess.Process:
        with suppress(FileNotFoundError):
            self._home.socket.unlink()
        with self._home.log_file.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _LAUNCHER),
                *(str(os.getpid()), str(self._binary.path), str(config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(self._home.lock,),
                env={"LC_ALL": "C"},
                cwd=self._home.directory,
            )

    async def _wait_until_ready(self, process: asyncio.subprocess.Process) -> None:
        """Loading may take as long as it takes; a process that ended is a failure."""
        client = Redis(unix_socket_path=str(self._home.socket), retry=Retry(NoBackoff(), 0))
        try:
            while process.returncode is None:
                try:
                    await client.ping()
                    return
                except Exception:
                    # Not listening yet, or still loading.
                    await asyncio.sleep(_POLL_S)
        finally:
            await client.aclose()
        raise self._failure(process.returncode)

    def _failure(self, code: int | None) -> CoreError:
        failure = self._home.read_failure(self._log_start)
        if failure.disk_full:
            return self._full()
        if failure.too_new:
            return InvalidInput(
                f"{str(self._home.directory)!r} was written by a newer Redis than {self.version}: {failure.last_line}",
                hint="Put that newer redis-server or valkey-server on PATH, or move the folder aside to start empty.",
            )
        return RedisDown(f"Redis ended with {code}: {failure.last_line}", hint=f"Look at {str(self._home.log_file)!r}.")

    def _full(self) -> StorageFull:
        return StorageFull(
            f"Redis cannot write: the disk under {str(self._home.directory)!r} is full",
            hint="Free some space; Redis comes back by itself.",
        )

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        backoff_s = _FIRST_BACKOFF_S
        while True:
            assert self._process is not None  # noqa: S101 - start() made it
            since = loop.time()
            code = await self._process.wait()
            failure = self._failure(code)
            log.warning("redis_ended", code=code, reason=failure.message)
            self._enter(RedisState.FULL if isinstance(failure, StorageFull) else RedisState.RESTARTING)
            if loop.time() - since >= _STEADY_S:
                backoff_s = _FIRST_BACKOFF_S
            while True:
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, _LAST_BACKOFF_S)
                try:
                    await self._start_readable()
                    break
                except CoreError as error:
                    log.error("redis_restart_failed", reason=str(error), next_try_s=backoff_s)
                    self._enter(RedisState.FULL if isinstance(error, StorageFull) else RedisState.RESTARTING)
            log.info("redis_restarted", pid=self._process.pid)
            self._enter(RedisState.READY)

    async def _end_process(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)  # Redis saves and syncs, then ends
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            log.warning("redis_killed", pid=process.pid)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _diagnose(self) -> CoreError | None:
        if self._state is RedisState.FULL or self._home.is_full():
            return self._full()
        if self._stopping:
            return RedisDown("Redis was stopped", hint="Start Lumina again.")
        return None

    def _enter(self, state: RedisState) -> None:
        if state is self._state:
            return
        self._state = state
        if self._on_state:
            self._on_state(state)


class ExternalRedis:
    """A Redis that somebody else runs, named by a URL, with the face of `RedisServer`."""

    path: None = None
    pid: None = None
    socket: None = None

    def __init__(self, url: str, version: str) -> None:
        self.url = url
        self.version = version
        self.state = RedisState.READY

    @classmethod
    async def connect(cls, url: str) -> ExternalRedis:
        """Check that the server answers.

        Raises:
            InvalidInput: the URL is none.
            RedisDown: it does not answer, or refuses the login.
        """
        try:
            client = connect_redis(url)
        except ValueError as error:
            raise InvalidInput(
                f"the Redis URL cannot be used: {error}", hint="Write redis://host:6379/0, rediss://… or unix:///path."
            ) from error
        try:
            version = str((await client.info("server"))["redis_version"])
        finally:
            await client.aclose()
        return cls(url, version)

    def client(self, *, decode_responses: bool = True) -> RedisClient:
        return connect_redis(self.url, decode_responses=decode_responses)

    async def stop(self) -> None:
        self.state = RedisState.STOPPED
