"""The index process. Its arguments: PATH SOCKET PARENT_PID MIN_FREE_BYTES LOCK_PATIENCE_S.

It owns the index directory (by a lock), serves a private Unix socket, says `ready` on its standard output and stops
when it is told to (SIGTERM), when its standard input closes, or when its parent dies.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO

import structlog

from lumina_core.drivers.vector_stores.edge_server import EdgeServer
from lumina_core.errors import Conflict

__all__ = ["LOCKED", "die_with_parent", "main"]

LOCKED = 75
"""Exit status: another process owns this index."""

_PR_SET_PDEATHSIG = 1
_SOCKET_BACKLOG = 64


def die_with_parent(parent: int, number: signal.Signals) -> None:
    """Have the kernel send us that signal when our parent dies; leave at once if it has already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)


def main(path: Path, socket_path: Path, parent: int, min_free_bytes: int, lock_patience_s: float) -> int:
    die_with_parent(parent, signal.SIGTERM)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    path.mkdir(parents=True, exist_ok=True)
    try:
        lock = _lock(path / "lock", lock_patience_s)
    except Conflict as error:
        print(error.message, file=sys.stderr)  # noqa: T201 — the parent reads the last line
        return LOCKED
    with lock:
        server = EdgeServer(path, min_free_bytes=min_free_bytes)
        server.open()
        socket_path.unlink(missing_ok=True)
        try:
            asyncio.run(_serve(server, socket_path))
        finally:
            socket_path.unlink(missing_ok=True)
    return 0


async def _serve(server: EdgeServer, socket_path: Path) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.set_blocking(sys.stdin.fileno(), False)
    loop.add_reader(sys.stdin.fileno(), _stop_at_end, sys.stdin.fileno(), stop)
    before = os.umask(0o177)
    try:
        listener = await loop.create_unix_server(server.connection, str(socket_path), backlog=_SOCKET_BACKLOG)
    finally:
        os.umask(before)
    running = asyncio.create_task(server.run())
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    listener.close()
    stopping.cancel()
    if running.done():
        running.result()  # raises what ended it
    running.cancel()
    server.close()


def _stop_at_end(descriptor: int, stop: asyncio.Event) -> None:
    if not os.read(descriptor, 64):
        stop.set()


def _lock(path: Path, patience_s: float) -> BinaryIO:
    """Take the lock of the index, waiting for a predecessor that is still flushing."""
    file = path.open("ab")
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                raise Conflict(f"another process owns the index in {path.parent}") from None
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
