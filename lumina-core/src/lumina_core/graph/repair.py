"""Putting a stream's end in order after a crash, before its owner appends again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import structlog

from lumina_core.graph.layout import fsync_directory
from lumina_core.graph.reader import decode_line, last_newline

__all__ = ["repair_tail"]

_BLOCK_BYTES = 1024 * 1024
_log = structlog.get_logger(__name__)


def repair_tail(path: Path) -> int:
    """Move what a crash left unfinished at a file's end to `<file>.torn-<n>`, and return how many bytes that were.

    Unfinished is what follows the last newline, and last lines that hold no JSON object. None of it was
    acknowledged: an append is only acknowledged once its newline is on the disk.
    """
    with path.open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        keep = _sound_end(file, size)
        if keep == size:
            return 0
        aside = _set_aside(path, file, keep)
        file.truncate(keep)
        os.fsync(file.fileno())
    _log.warning("graph_log_torn_tail_moved", file=str(path), offset=keep, size_bytes=size - keep, moved_to=str(aside))
    return size - keep


def _sound_end(file: BinaryIO, size: int) -> int:
    end = last_newline(file, size) + 1
    while end > 0:
        start = last_newline(file, end - 1) + 1
        if end - start == 1:  # a blank line hides nothing and is passed over by readers
            return end
        file.seek(start)
        try:
            decode_line(file.read(end - start))
        except ValueError:
            end = start
        else:
            return end
    return 0


def _set_aside(path: Path, file: BinaryIO, start: int) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.torn-{number}")).exists():
        number += 1
    file.seek(start)
    try:
        with aside.open("xb") as target:
            while block := file.read(_BLOCK_BYTES):
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)
    return aside
