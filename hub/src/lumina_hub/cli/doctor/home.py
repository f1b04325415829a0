"""The data directory: room, permissions, who holds it, and the port its hub would listen on."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from lumina_hub.cli.connection import find_running
from lumina_hub.cli.doctor.check import Check, fail, ok, warn
from lumina_hub.cli.output import readable_bytes
from lumina_hub.home import Home
from lumina_hub.settings import Settings

__all__ = ["CHECKS", "disk", "home", "lock", "port"]

_LITTLE_BYTES = 2_000_000_000
_TOO_LITTLE_BYTES = 200_000_000


def disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_nearest(settings.home)).free
    found = f"{readable_bytes(free)} free"
    hint = "Make room, or put the home on a larger disk with --home."
    if free < _TOO_LITTLE_BYTES:
        return fail("disk", found, hint)
    return warn("disk", found, hint) if free < _LITTLE_BYTES else ok("disk", found)


def home(settings: Settings) -> Check:
    path = settings.home
    if not path.exists():
        if os.access(_nearest(path), os.W_OK | os.X_OK):
            return ok("home", f"{path}, made at the first start")
        return fail("home", f"{path} is not there and cannot be made", "Give another --home.")
    if not path.is_dir():
        return fail("home", f"{path} is not a directory", "Give another --home, or move what is there.")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return fail("home", f"{path} cannot be written", "Give another --home, or change its owner.")
    open_to_others = [each for each in (path, Home(path).token_path) if each.exists() and _open_to_others(each)]
    if open_to_others:
        names = " ".join(str(each) for each in open_to_others)
        return warn("home", f"{path}: other users may read it", f"Keep them out: chmod go= {names}")
    return ok("home", f"{path}, yours alone")


def lock(settings: Settings) -> Check:
    here = Home(settings.home)
    if not here.is_locked():
        return ok("lock", "nobody holds the home")
    address = here.read_address()
    if address is None:
        return ok("lock", "held by a process that runs no server, such as a `lumina ingest`")
    if asyncio.run(find_running(settings)) is None:
        return warn(
            "lock",
            f"held by process {address.pid}, which does not answer at {address.url}",
            f"It may be starting or stopping. If it stays so: kill {address.pid}",
        )
    return ok("lock", f"held by process {address.pid}, the hub at {address.url}")


def port(settings: Settings) -> Check:
    where = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return _taken(settings, where, error)
    return ok("port", f"{where} is free")


def _taken(settings: Settings, where: str, error: OSError) -> Check:
    if error.errno != errno.EADDRINUSE:
        return fail("port", f"cannot listen on {where}: {error.strerror}", "Give another --host or --port.")
    address = Home(settings.home).read_address()
    if address is not None and address.url.endswith(f":{settings.port}"):
        return ok("port", f"{where} is this home's hub")
    return warn("port", f"{where} is taken by another program", "Give another: lumina up --port 8001")


def _nearest(path: Path) -> Path:
    """The path itself, or the closest folder above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def _open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


CHECKS: tuple[Callable[[Settings], Check], ...] = (disk, home, lock, port)
