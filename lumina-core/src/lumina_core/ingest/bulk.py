"""A source read in a niced process of its own, its items streamed back as they are parsed.

The child sends through a pipe and waits where nobody reads, so nothing piles up on either side. It stops when the
parent is gone. What it sends was made by our own code; it is decoded into known types all the same.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Self

import msgspec

from lumina_core import errors
from lumina_core.documents import Article, Redirect
from lumina_core.errors import CoreError, UnreadableSource
from lumina_core.ingest.source import Item, Known, Skipped, Unchanged, never_known, open_source

__all__ = ["BulkParse", "parse_in_process"]

NICENESS = 10

_LENGTH = struct.Struct(">I")
_BATCH_ITEMS = 64
_BATCH_CHARACTERS = 1 << 18
_ERROR_TAIL_BYTES = 4096

_KINDS: tuple[type[Item], ...] = (Article, Redirect, Skipped, Unchanged)


class _Task(msgspec.Struct):
    spec: str
    kind: str | None
    known: str | None
    known_arguments: list[str]
    niceness: int
    allow_private: bool


class _Batch(msgspec.Struct, array_like=True):
    """`total_bytes` is -1 where it is not known; `error` ends the stream, as does `done`."""

    items: list[tuple[int, msgspec.Raw]]
    position_bytes: int
    total_bytes: int
    name: str
    done: bool = False
    error: tuple[str, str, str | None] | None = None


class BulkParse:
    """The parent's side. Iterate over it for the items; `cancel` may be called from any thread."""

    def __init__(self, process: subprocess.Popen[bytes], spec: str) -> None:
        self._process = process
        self._spec = spec
        self._cancelled = threading.Event()
        self._stderr_tail = b""
        self._drain = threading.Thread(target=self._keep_stderr, name="bulk-parse-stderr", daemon=True)
        self._drain.start()
        self.name: str | None = None
        self.position_bytes = 0
        self.total_bytes: int | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        """Items as they come. Ends quietly when cancelled.

        Raises:
            UnreadableSource: what the source itself raised, after everything before it; or the child died.
            CoreError: whatever else the source raised of our own tree.
        """
        decoders = [msgspec.msgpack.Decoder(kind) for kind in _KINDS]
        batches = msgspec.msgpack.Decoder(_Batch)
        try:
            while True:
                frame = self._read_frame()
                if frame is None:
                    if self._cancelled.is_set():
                        return
                    raise self._died()
                batch = batches.decode(frame)
                self.name = batch.name or self.name
                self.total_bytes = batch.total_bytes if batch.total_bytes >= 0 else None
                for kind, raw in batch.items:
                    if self._cancelled.is_set():
                        return
                    yield decoders[kind].decode(raw)
                self.position_bytes = batch.position_bytes
                if batch.error is not None:
                    raise _restored(*batch.error)
                if batch.done:
                    return
        finally:
            self.close()

    def cancel(self) -> None:
        """Stop the child at once; the iteration ends after the item it is at."""
        self._cancelled.set()
        self._stop()

    def close(self) -> None:
        """Stop the child if it still runs, and wait for it. Calling it twice is fine."""
        self._stop()
        self._drain.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.close()

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _read_frame(self) -> bytes | None:
        stdout = self._process.stdout
        if stdout is None:
            return None
        try:
            header = stdout.read(_LENGTH.size)
            if len(header) < _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack(header)
            frame = stdout.read(length)
        except (OSError, ValueError):
            return None
        return frame if len(frame) == length else None

    def _keep_stderr(self) -> None:
        stderr = self._process.stderr
        while stderr is not None and (line := stderr.readline(_ERROR_TAIL_BYTES)):
            self._stderr_tail = (self._stderr_tail + line)[-_ERROR_TAIL_BYTES:]

    def _died(self) -> UnreadableSource:
        code = self._process.wait()
        self._drain.join()
        last = self._stderr_tail.decode(errors="replace").strip().rpartition("\n")[2]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return UnreadableSource(
            f"reading {self._spec!r} stopped: its process {how}{': ' + last if last else ''}",
            hint="What was read before has been kept; start it again to go on (memory may have run out).",
        )


def parse_in_process(
    spec: str,
    kind: str | None = None,
    *,
    known: Callable[..., Known] | None = None,
    known_arguments: Sequence[str] = (),
    niceness: int = NICENESS,
    allow_private: bool = False,
) -> BulkParse:
    """Start reading a source in a child process.

    Args:
        spec: As for `open_source`.
        kind: As for `open_source`.
        known: A function of a module's top level that makes the `Known` callback inside the child, say from the
            catalogue's path, so that asking about a page costs no way to the parent and back.
        known_arguments: What it is called with.
        niceness: Added to the child's nice value.
        allow_private: As for `open_source`.
    """
    known_path = _path_of(known) if known is not None else None
    task = _Task(spec, kind, known_path, list(known_arguments), niceness, allow_private)
    process = subprocess.Popen(
        [sys.executable, "-m", "lumina_core.ingest.bulk"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C meant for the parent is the parent's to pass on
    )
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(msgspec.msgpack.encode(task))
    return BulkParse(process, spec)


def _path_of(function: Callable[..., Known]) -> str:
    module, name = function.__module__, function.__qualname__
    if module == "__main__" or "<" in name:
        raise ValueError(f"{name!r} cannot be found from another process: it must stand at a module's top level")
    return f"{module}:{name}"


def _made_known(path: str | None, arguments: list[str]) -> Known:
    if path is None:
        return never_known
    module, _, name = path.partition(":")
    target: Any = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    known: Known = target(*arguments)
    return known


def _restored(name: str, message: str, hint: str | None) -> CoreError:
    found = getattr(errors, name, UnreadableSource)
    return found(message, hint=hint) if issubclass(found, CoreError) else UnreadableSource(message, hint=hint)


def _serve(task: _Task, out: IO[bytes]) -> None:
    """The child's side: read the source, send batches."""
    encoder = msgspec.msgpack.Encoder()
    source = None
    items: list[tuple[int, msgspec.Raw]] = []
    characters = 0

    def send(*, done: bool = False, error: tuple[str, str, str | None] | None = None) -> None:
        nonlocal items, characters
        position, total = (source.position_bytes, source.total_bytes) if source is not None else (0, None)
        name = source.name if source is not None else ""
        frame = encoder.encode(_Batch(items, position, -1 if total is None else total, name, done, error))
        out.write(_LENGTH.pack(len(frame)) + frame)
        out.flush()
        items, characters = [], 0

    try:
        source = open_source(task.spec, task.kind, allow_private=task.allow_private)
        send()
        for item in source.items(known=_made_known(task.known, task.known_arguments)):
            items.append((_KINDS.index(type(item)), msgspec.Raw(encoder.encode(item))))
            characters += len(item.text) if isinstance(item, Article) else 64
            if len(items) >= _BATCH_ITEMS or characters >= _BATCH_CHARACTERS:
                send()
        send(done=True)
    except CoreError as error:
        send(error=(type(error).__name__, error.message, error.hint))


def _main() -> int:
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a stray print must not land between the frames
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Task)
    with contextlib.suppress(OSError):
        os.nice(task.niceness)
    try:
        _serve(task, os.fdopen(out.fileno(), "wb", closefd=False))
    except BrokenPipeError:
        return 1  # the parent is gone, and nobody is left to tell
    return 0


if __name__ == "__main__":
    sys.exit(_main())
