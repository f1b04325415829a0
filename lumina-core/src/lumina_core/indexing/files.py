"""Small files that are replaced as a whole and survive a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from lumina_core.errors import StorageFull
from lumina_core.graph.layout import fsync_directory

__all__ = ["replace_durably"]

_FULL = {errno.ENOSPC, errno.EDQUOT}


def replace_durably(path: Path, content: bytes) -> None:
    """Replace the file in one step. Durable once this returns.

    Raises:
        StorageFull: the disk is full or refuses; the old file is still there.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        fsync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        why = "there is no room left" if error.errno in _FULL else f"the disk refuses ({error.strerror or error})"
        raise StorageFull(
            f"{path} cannot be written: {why}; what it held before is still there",
            hint="Free some space or mend the disk; indexing goes on by itself.",
        ) from error
