"""The data directory: who holds it, who owns it, and where its hub is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from lumina_core.errors import HomeLocked, InvalidInput

__all__ = ["Home", "HubAddress"]

_LOCK = "lumina.lock"
_TOKEN = "owner.token"  # noqa: S105 - a file name
_ADDRESS = "hub.json"


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where the hub of a home listens, and since when (epoch seconds)."""

    pid: int
    url: str
    since: float


@dataclass(frozen=True, slots=True)
class Home:
    """A data directory that exists, readable by its owner only."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Home:
        """Create the directory with mode 0700 where it is missing.

        Raises:
            InvalidInput: something else is there, or it cannot be created or written.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidInput(
                f"{path} is not a directory", hint="Give another --home, or move what is there."
            ) from error
        except OSError as error:
            raise InvalidInput(
                f"cannot create the data directory {path}: {error.strerror}", hint="Give another --home."
            ) from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise InvalidInput(
                f"cannot write to the data directory {path}", hint="Give another --home, or change its owner."
            )
        return cls(path)

    @contextmanager
    def lock(self, *, now: float) -> Iterator[None]:
        """Hold the home while the block runs; the kernel lets go when the process ends, however it ends.

        Raises:
            HomeLocked: another process holds it; the message says which, since when and at which URL.
        """
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._locked(os.read(descriptor, 4096)) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": now}).encode(), 0)
            self._forget_address()  # a hub that was killed left its own behind
            try:
                yield
            finally:
                self._forget_address()
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def owner_token(self) -> str:
        """The owner's token, made the first time somebody asks. Call it under the lock.

        Raises:
            InvalidInput: the file is there and empty.
        """
        path = self.path / _TOKEN
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            path.chmod(0o600)
            return self.read_owner_token()
        token = "lum_" + secrets.token_urlsafe(32)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        return token

    def read_owner_token(self) -> str:
        """The owner's token, as a client reads it.

        Raises:
            InvalidInput: there is none, it is empty, or it belongs to somebody else.
        """
        path = self.path / _TOKEN
        try:
            token = path.read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise InvalidInput(
                f"there is no {path}", hint="`lumina up` writes it; is this the right --home?"
            ) from error
        except (PermissionError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read {path}", hint="Run this as the user who started Lumina.") from error
        if not token:
            raise InvalidInput(f"{path} is empty", hint="Remove it and start Lumina again: a new one is written.")
        return token

    @property
    def token_path(self) -> Path:
        return self.path / _TOKEN

    def write_address(self, address: HubAddress) -> None:
        """Say where the hub listens. Call it under the lock, once it listens."""
        path = self.path / _ADDRESS
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(address)) + "\n", encoding="utf-8")
        scratch.replace(path)

    def read_address(self) -> HubAddress | None:
        """Where the hub of this home listens; None when none says so. A killed hub's file may be stale until the
        home is locked again."""
        try:
            return HubAddress(**json.loads((self.path / _ADDRESS).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def is_locked(self) -> bool:
        """Whether a process holds the home now."""
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _forget_address(self) -> None:
        with contextlib.suppress(OSError):
            (self.path / _ADDRESS).unlink(missing_ok=True)

    def _locked(self, content: bytes) -> HomeLocked:
        try:
            holder = json.loads(content)
            pid, since = int(holder["pid"]), float(holder["since"])
            who = f"process {pid} (since {datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S} UTC)"
        except (ValueError, KeyError, TypeError):
            pid, who = None, "another process"
        address = self.read_address()
        where = f", a hub listening at {address.url}" if address is not None else ""
        hint = (
            f"Use that hub, stop it with `kill {pid}`, or give another --home."
            if pid is not None
            else "Wait for it to end, or give another --home."
        )
        return HomeLocked(f"the data directory {self.path} is held by {who}{where}", hint=hint)
