"""Writing files so that a crash leaves them whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["atomic_write", "sync_directory", "sync_tree", "write_beside"]


def atomic_write(path: Path, content: bytes) -> None:
    """Replace the file so that a crash leaves the old content or the new."""
    write_beside(path, content).replace(path)
    sync_directory(path.parent)


def write_beside(path: Path, content: bytes) -> Path:
    """The slow part of `atomic_write`: what is left is to put the file returned in place and sync the directory."""
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return beside


def sync_directory(path: Path) -> None:
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Write every file below to the disk, what was changed through memory maps included. Lets other threads run."""
    for folder, _, names in os.walk(path):
        with contextlib.suppress(FileNotFoundError):  # Edge may remove files meanwhile
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    _sync(Path(folder) / name, os.O_RDONLY)
            sync_directory(Path(folder))
