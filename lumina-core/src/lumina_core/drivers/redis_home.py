"""The folder a Redis of ours lives in: its lock, socket, configuration, and what to do when its files cannot be read.

Redis holds queues, streams, pads and other small state, some of which is nowhere else until a worker has taken it. So
every write is fsynced before it is acknowledged (`appendfsync always`): with `everysec` Redis may answer while the data
is still in its own memory, because on a slow disk it puts the write off for up to two seconds. Redis writes what all
clients sent in one turn of its loop with one fsync, which keeps the price bearable.

What cannot be read is set aside, never deleted, and the latest snapshot takes its place: the graph log, not Redis, is
what Lumina's knowledge is rebuilt from.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lumina_core.drivers.redis_binary import RedisBinary
from lumina_core.errors import Conflict, InvalidInput

__all__ = ["Failure", "RedisHome"]

_SOCKET_PATH_BYTES: Final = 100
"""A Unix socket's path must fit 108 bytes; some systems allow 104."""

_LOG_BYTES: Final = 4 << 20
_LOG_READ_BYTES: Final = 64 << 10
_PAUSE_S: Final = 0.05
_SNAPSHOT_S: Final = 60
_DAMAGED: Final = (
    "Bad file format reading the append only file",
    "Unrecoverable error reading the append only file",
    "Short read or OOM loading DB",
    "Wrong signature trying to load DB",
    "Wrong RDB checksum",
    "RDB CRC error",
    "RDB ERROR DETECTED",
)
_TOO_NEW: Final = "Can't handle RDB format version"
_FULL_BYTES: Final = 64 << 10
_FULL: Final = ("No space left on device", "Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why Redis ended, read from its log. `damaged` and `too_new` speak of its data files."""

    disk_full: bool
    damaged: bool
    too_new: bool
    last_line: str


class RedisHome:
    """Use through `claim`; `release` when Redis has ended."""

    def __init__(self, directory: Path, log_file: Path, socket: Path, lock: int) -> None:
        self.directory = directory
        self.log_file = log_file
        self.socket = socket
        self.lock = lock

    @classmethod
    def claim(cls, directory: Path, *, logs_dir: Path | None = None, patience_s: float = 10.0) -> RedisHome:
        """Lock the folder for one Redis.

        The lock is a file handle that the Redis process inherits, so it is held while either of us lives. A Redis
        whose parent was killed needs a moment to write its last data: that long we wait.

        Raises:
            Conflict: another process still holds the folder after `patience_s`.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory = directory.resolve()
        logs = (logs_dir or directory).absolute()
        logs.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "redis.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(lock, directory, patience_s)
            return cls(directory, logs / "redis.log", _socket_path(directory), lock)
        except BaseException:
            os.close(lock)
            raise

    def release(self) -> None:
        """Give the folder up. Calling it twice is fine."""
        if self.lock < 0:
            return
        with suppress(FileNotFoundError):
            self.socket.unlink()
        if self.socket.parent != self.directory:
            with suppress(OSError):
                self.socket.parent.rmdir()
        os.close(self.lock)
        self.lock = -1

    def note_holder(self, pid: int) -> None:
        """Write who holds the lock, for the message another process gives."""
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{pid}\n".encode(), 0)

    def write_config(self) -> Path:
        """Write the configuration file. What it does not say is Redis's default."""
        lines = {
            "port": "0",
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "600",
            "daemonize": "no",
            "dir": _quoted(self.directory),
            "logfile": _quoted(self.log_file),
            "dbfilename": "dump.rdb",
            "save": f"{_SNAPSHOT_S} 1",
            "appendonly": "yes",
            "appendfilename": "appendonly.aof",
            "appendfsync": "always",
            "aof-load-truncated": "yes",
            "auto-aof-rewrite-min-size": "16mb",
            "stop-writes-on-bgsave-error": "no",  # the append-only file, not the snapshot, is the promise
            "maxmemory-policy": "noeviction",
        }
        path = self.directory / "redis.conf"
        content = "# Written at every start of Lumina; changes here are lost.\n"
        content += "".join(f"{key} {value}\n" for key, value in lines.items())
        temporary = path.with_suffix(".new")
        temporary.write_text(content, encoding="ascii")
        temporary.chmod(0o600)
        temporary.rename(path)
        return path

    def check_format(self, binary: RedisBinary) -> None:
        """Refuse a folder that a newer Redis has written, before an older one starts empty beside it.

        Raises:
            InvalidInput: the append-only file has the form of Redis 7 and `binary` is older.
        """
        if binary.version < (7, 0, 0) and (self.directory / "appendonlydir").is_dir():
            raise InvalidInput(
                f"{str(self.directory)!r} was written by Redis 7 or newer, and this Redis is {binary.version_text}",
                hint="Put a redis-server of version 7 or newer on PATH, or move the folder aside to start empty.",
            )

    def set_aside(self) -> Path:
        """Move a damaged append-only file out of the way and put the latest snapshot, if there is one, in its place.

        Returns:
            Where the damaged data went.
        """
        prefix = time.strftime("damaged-%Y%m%dT%H%M%S-", time.gmtime())
        aside = Path(tempfile.mkdtemp(prefix=prefix, dir=self.directory))
        for name in ("appendonlydir", "appendonly.aof"):
            with suppress(FileNotFoundError):
                (self.directory / name).rename(aside / name)
        snapshot = self.directory / "dump.rdb"
        if snapshot.is_file():
            # Every Redis reads a snapshot as the beginning of an append-only file.
            shutil.copyfile(snapshot, self.directory / "appendonly.aof")
            snapshot.rename(aside / "dump.rdb")
        return aside

    def is_full(self) -> bool:
        return shutil.disk_usage(self.directory).free < _FULL_BYTES

    def open_log(self) -> int:
        """Make sure there is a log, moving a large one to `redis.log.1`; give its size in bytes."""
        with suppress(FileNotFoundError):
            if self.log_file.stat().st_size > _LOG_BYTES:
                self.log_file.rename(self.log_file.with_name(f"{self.log_file.name}.1"))
        with self.log_file.open("ab") as file:
            return file.tell()

    def read_failure(self, log_start: int) -> Failure:
        """Read from what Redis logged after `log_start` why it ended."""
        try:
            with self.log_file.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(log_start, size - _LOG_READ_BYTES))
                said = file.read().decode("utf-8", "replace")
        except OSError:
            said = ""
        return Failure(
            disk_full=any(text in said for text in _FULL) or self.is_full(),
            damaged=any(text in said for text in _DAMAGED),
            too_new=_TOO_NEW in said,
            last_line=next((line.strip() for line in reversed(said.split("\n")) if line.strip()), ""),
        )


def _take(lock: int, directory: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
                raise Conflict(
                    f"the Redis folder {str(directory)!r} is in use by process {holder or 'unknown'}",
                    hint="Stop the other Lumina first, or choose another --home.",
                ) from None
        time.sleep(_PAUSE_S)


def _socket_path(directory: Path) -> Path:
    """Choose `redis.sock` in the folder, or a short path in a private folder under the system's temporary one."""
    natural = directory / "redis.sock"
    if len(os.fsencode(natural)) <= _SOCKET_PATH_BYTES:
        return natural
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    runtime = Path(tempfile.gettempdir()) / f"lumina-{os.getuid()}-{digest}"
    with suppress(FileExistsError):
        runtime.mkdir(mode=0o700)
    found = runtime.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        runtime = Path(tempfile.mkdtemp(prefix="lumina-"))
    return runtime / "redis.sock"


def _quoted(path: Path) -> str:
    """Quote for a Redis configuration file."""
    plain = set(range(0x20, 0x7F)) - set(b'"\\')
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'
