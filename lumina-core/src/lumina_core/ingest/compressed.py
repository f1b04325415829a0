"""Files read front to back in constant memory, whatever they are compressed with, with a position for progress."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from pathlib import Path

from lumina_core.errors import UnreadableSource

__all__ = ["CompressedFile"]

_BLOCK_BYTES = 1 << 18
_BZ2_MAGIC = b"BZh"
_GZIP_MAGIC = b"\x1f\x8b"


class CompressedFile:
    """A plain, bz2 (also multistream) or gzip (also multi-member) file. The kind is told from its first bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position_bytes = 0
        try:
            self.total_bytes = path.stat().st_size
        except OSError as error:
            raise UnreadableSource(f"cannot read {str(path)!r}: {error.strerror}", hint="Check the path.") from error

    def blocks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes, in pieces of a few hundred kilobytes at most.

        Raises:
            UnreadableSource: the compressed data is damaged or ends too early. What came before was yielded.
        """
        self.position_bytes = 0
        try:
            with self.path.open("rb") as file:
                head = file.read(3)
                file.seek(0)
                raw = self._raw(file)
                if head == _BZ2_MAGIC:
                    yield from self._bz2(raw)
                elif head[:2] == _GZIP_MAGIC:
                    yield from self._gzip(raw)
                else:
                    yield from raw
        except IsADirectoryError as error:
            raise UnreadableSource(f"{str(self.path)!r} is a folder", hint="Give the dump file itself.") from error
        except OSError as error:
            raise UnreadableSource(
                f"cannot read {str(self.path)!r}: {error.strerror or error}", hint="Check the path and its permissions."
            ) from error

    def _raw(self, file: object) -> Iterator[bytes]:
        read = file.read  # type: ignore[attr-defined]  # a BufferedReader; typeshed's BinaryIO adds nothing here
        while block := read(_BLOCK_BYTES):
            self.position_bytes += len(block)
            yield block

    def _bz2(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        decompressor = bz2.BZ2Decompressor()
        fresh = True
        for block in raw:
            while block:
                if decompressor.eof:
                    decompressor, fresh = bz2.BZ2Decompressor(), True
                try:
                    piece = decompressor.decompress(block, _BLOCK_BYTES)
                    fresh = False
                    if piece:
                        yield piece
                    while not decompressor.eof and not decompressor.needs_input:
                        yield decompressor.decompress(b"", _BLOCK_BYTES)
                except (OSError, ValueError) as error:
                    raise self._damaged("bzip2") from error
                block = decompressor.unused_data if decompressor.eof else b""
        if not decompressor.eof and not fresh:
            raise self._truncated("bzip2")

    def _gzip(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        decompressor = zlib.decompressobj(31)
        fresh = True
        for block in raw:
            while block:
                if decompressor.eof:
                    if not block.strip(b"\0"):
                        break
                    decompressor, fresh = zlib.decompressobj(31), True
                try:
                    piece = decompressor.decompress(block, _BLOCK_BYTES)
                except zlib.error as error:
                    raise self._damaged("gzip") from error
                fresh = False
                if piece:
                    yield piece
                block = decompressor.unused_data if decompressor.eof else decompressor.unconsumed_tail
        if not decompressor.eof and not fresh:
            raise self._truncated("gzip")

    def _damaged(self, kind: str) -> UnreadableSource:
        return UnreadableSource(
            f"{self.path.name!r} is damaged: its {kind} data cannot be decompressed near byte {self.position_bytes:,}",
            hint="Download it again and compare its checksum; what came before the damage has been kept.",
        )

    def _truncated(self, kind: str) -> UnreadableSource:
        return UnreadableSource(
            f"{self.path.name!r} is truncated: its {kind} data ends early, after {self.position_bytes:,} bytes",
            hint="Download it again (curl -C - resumes); what came before the end has been kept.",
        )
