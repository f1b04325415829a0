"""Copying the files of a shard, the greater part of them while it is written to."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["copy_shard", "copy_tree", "disk_bytes"]

_FROZEN_SEGMENT: Final = "id_tracker.mappings"
"""A segment that was optimised has this file; one that can be appended to has another instead."""

_FROZEN: Final = re.compile(
    r"id_tracker\.mappings"
    r"|payload_storage/page_\d+\.dat"
    r"|payload_index/[^/]+/(data|point_to_values|values_to_points)\.bin"
    r"|vector_index-\w+/(graph|links_compressed)\.bin"
    r"|vector_index-\w+/inverted_index\.dat"
    r"|vector_storage-\w+/(matrix\.dat|quantized\.data)"
    r"|vector_storage-\w+/store/page_\d+\.dat"
    r"|vector_storage-\w+/(vectors|offsets)/chunk_\d+\.mmap"
)
_BLOCK_BYTES: Final = 256 * 1024


def copy_shard(source: Path, target: Path) -> None:
    """Make `target` what `source` is.

    Run once, it copies a shard that others may go on writing to: what comes of that cannot be used. Run again when
    they have stopped and the shard was flushed, it brings the copy up to date by comparing the two, which is several
    times as fast as copying and trusts no time stamp.

    The large files of optimised segments are hard links: Edge never changes them. Points that are changed go to another
    segment, points that are deleted are marked in other files (a test compares them).
    """
    frozen = _frozen_files(source)
    there: set[Path] = set()
    for path in _files(source):
        other = target / path.relative_to(source)
        there.add(other)
        other.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # removed by who writes meanwhile
            if path in frozen:
                _link(path, other)
            else:
                _update(path, other)
    for other in list(_files(target)):
        if other not in there:
            other.unlink()
    for folder in sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True):
        if not (source / folder.relative_to(target)).is_dir():
            shutil.rmtree(folder)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory; holes in files stay holes (write-ahead logs and chunks are mostly holes)."""
    target.mkdir(parents=True, exist_ok=True)
    for folder in source.rglob("*"):
        if folder.is_dir():
            (target / folder.relative_to(source)).mkdir(exist_ok=True)
    for path in _files(source):
        _copy(path, target / path.relative_to(source))


def disk_bytes(path: Path) -> int:
    """What the files below take on disk, holes not counted."""
    total = 0
    for file in _files(path):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_blocks * 512
    return total


def _files(path: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(path):
        for name in names:
            yield Path(folder) / name


def _frozen_files(shard: Path) -> frozenset[Path]:
    return frozenset(
        path
        for segment in (shard / "segments").iterdir()
        if (segment / _FROZEN_SEGMENT).exists()
        for path in _files(segment)
        if _FROZEN.fullmatch(path.relative_to(segment).as_posix())
    )


def _link(source: Path, target: Path) -> None:
    if target.exists():
        if target.samefile(source):
            return
        target.unlink()
    target.hardlink_to(source)


def _update(source: Path, target: Path) -> None:
    """Write those blocks of `target` that differ."""
    if not target.exists():
        _copy(source, target)
        return
    if target.samefile(source):  # a link must never be written to
        target.unlink()
        _copy(source, target)
        return
    with source.open("rb", buffering=0) as reading, target.open("r+b", buffering=0) as writing:
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        done = 0
        for start, end in sorted([*_data(reading.fileno(), size), *_data(writing.fileno(), size)]):
            for at in range(max(start, done), end, _BLOCK_BYTES):
                length = min(_BLOCK_BYTES, end - at)
                block = os.pread(reading.fileno(), length, at)
                if block != os.pread(writing.fileno(), length, at):
                    os.pwrite(writing.fileno(), block, at)
            done = max(done, end)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        for start, end in _data(reading.fileno(), size):
            os.lseek(writing.fileno(), start, os.SEEK_SET)
            at = start
            while at < end:
                sent = os.sendfile(writing.fileno(), reading.fileno(), at, min(end - at, 8 * 1024 * 1024))
                if not sent:
                    return
                at += sent


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are no holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # ENXIO: only a hole is left
            return
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        yield start, end
