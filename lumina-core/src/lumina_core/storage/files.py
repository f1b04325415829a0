"""Files by path, on the disk, each owner's in a folder of its own and within a quota."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from lumina_core.errors import Conflict, InvalidInput, NotFound, QuotaFull, StorageFull
from lumina_core.graph.layout import fsync_directory, make_directories

__all__ = ["FileStore", "StoredFile", "Upload"]

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")
_OWNER = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_INCOMING = ".incoming"
_ATTRIBUTE = "user.lumina.sha256"
_LONGEST_PATH = 512
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is kept. `fingerprint` is SHA-256 of its bytes, in hex; `modified_at` epoch seconds."""

    path: str
    size_bytes: int
    fingerprint: str
    modified_at: float


class FileStore:
    """Blocks: call it in threads. Every path that leaves this class was made from checked parts, and lies in the
    owner's folder whatever links somebody put there.

    Args:
        root: Holds one folder for each owner; no process but this one writes there.
        quota_bytes: The most all files of one owner may take.
    """

    def __init__(self, root: Path, *, quota_bytes: int) -> None:
        self._root = root
        self._quota_bytes = quota_bytes
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, root: Path, *, quota_bytes: int) -> FileStore:
        """Make the folder, and remove what uploads that were cut off left behind."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in root.glob(f"*/{_INCOMING}/*"):
            left.unlink(missing_ok=True)
        return cls(root, quota_bytes=quota_bytes)

    def begin(self, owner: str, path: str) -> Upload:
        """Take a file in, piece by piece; use it in a `with` block, whose end without `finish` forgets it.

        Raises:
            InvalidInput: The path cannot be one.
            StorageFull: The disk has no room.
        """
        target = self._path(owner, path)
        incoming = self._folder(owner) / _INCOMING
        with _translated(path):
            incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Upload(self, owner, path, target, incoming / secrets.token_hex(8))

    def read(self, owner: str, path: str) -> tuple[StoredFile, BinaryIO]:
        """A file and its bytes, which stay those of this very file if it is replaced. The caller closes it.

        Raises:
            NotFound: There is none.
        """
        target = self._path(owner, path)
        try:
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise _missing(path) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _missing(path) from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _missing(path)
        file = os.fdopen(descriptor, "rb")
        try:
            return _describe(path, file), file
        except BaseException:
            file.close()
            raise

    def delete(self, owner: str, path: str) -> None:
        """Raises `NotFound`."""
        target = self._path(owner, path)
        with self._lock:
            if not target.is_file():
                raise _missing(path)
            used = self._usage(owner)
            size = target.stat().st_size
            target.unlink()
            self._used[owner] = used - size
            folder = self._folder(owner)
            for parent in target.parents:
                if parent == folder:
                    break
                with contextlib.suppress(OSError):  # not empty
                    parent.rmdir()
        fsync_directory(self._folder(owner))

    def list(
        self, owner: str, *, prefix: str = "", limit: int = 100, after: str | None = None
    ) -> tuple[list[StoredFile], str | None]:
        """Files whose paths begin so, in that order, and the cursor of the next page, None on the last."""
        paths = sorted(path for path in self._walk(owner) if path.startswith(prefix) and path > (after or ""))
        files = []
        for path in paths[:limit]:
            with contextlib.suppress(NotFound):  # deleted meanwhile
                found, file = self.read(owner, path)
                file.close()
                files.append(found)
        return files, paths[limit - 1] if len(paths) > limit else None

    def room(self, owner: str, path: str) -> int:
        """How many bytes a file of that path may have."""
        target = self._path(owner, path)
        with self._lock:
            held = target.stat().st_size if target.is_file() else 0
            return self._quota_bytes - self._usage(owner) + held

    def keep(self, upload: Upload) -> StoredFile:
        """Put a finished upload in its place. Use `Upload.finish`."""
        target, owner = upload.target, upload.owner
        with self._lock, _translated(upload.path):
            used = self._usage(owner)
            if target.is_dir():
                raise Conflict(f"{upload.path!r} is a folder of files", hint="Choose another path.")
            held = target.stat().st_size if target.is_file() else 0
            if used - held + upload.size_bytes > self._quota_bytes:
                raise self.no_room(owner, upload.path)
            try:
                make_directories(target.parent)
            except (FileExistsError, NotADirectoryError) as error:
                raise Conflict(f"a part of {upload.path!r} is a file", hint="Choose another path.") from error
            self._check_inside(owner, target, upload.path)
            upload.temporary.replace(target)
            fsync_directory(target.parent)
            self._used[owner] = used - held + upload.size_bytes
        return StoredFile(upload.path, upload.size_bytes, upload.fingerprint, target.stat().st_mtime)

    def no_room(self, owner: str, path: str) -> QuotaFull:
        return QuotaFull(
            f"the files of {owner!r} may take {self._quota_bytes:,} bytes, and {path!r} does not fit any more",
            hint="Delete files, or raise LUMINA_MODULE_FILES_BYTES.",
        )

    def _folder(self, owner: str) -> Path:
        if not _OWNER.fullmatch(owner):
            raise InvalidInput(f"{owner!r} has no files")
        return self._root / owner

    def _path(self, owner: str, path: str) -> Path:
        parts = path.split("/")
        if len(path) > _LONGEST_PATH or not all(_PART.fullmatch(part) for part in parts):
            raise InvalidInput(
                f"{path[:600]!r} is no path of a file",
                hint="Use letters, digits and '_.-', parts joined by '/', none beginning with a dot; 512 in all.",
            )
        target = self._folder(owner).joinpath(*parts)
        self._check_inside(owner, target, path)
        return target

    def _check_inside(self, owner: str, target: Path, path: str) -> None:
        if not target.parent.resolve().is_relative_to(self._folder(owner).resolve()):
            raise _missing(path)

    def _usage(self, owner: str) -> int:
        """Under the lock. Counted once, and kept since."""
        if owner not in self._used:
            folder = self._folder(owner)
            self._used[owner] = sum((folder / path).stat().st_size for path in self._walk(owner))
        return self._used[owner]

    def _walk(self, owner: str) -> Iterator[str]:
        folder = self._folder(owner)
        for place, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name != _INCOMING]
            for name in names:
                yield str((Path(place) / name).relative_to(folder))


class Upload:
    """A file on its way in. Not yet seen by anybody."""

    def __init__(self, store: FileStore, owner: str, path: str, target: Path, temporary: Path) -> None:
        """Use `FileStore.begin`."""
        self.owner = owner
        self.path = path
        self.target = target
        self.temporary = temporary
        self.size_bytes = 0
        self._store = store
        self._room = store.room(owner, path)
        self._digest = hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(temporary, flags, 0o600), "wb")

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> None:
        """Raises `QuotaFull` and `StorageFull`; then nothing is kept."""
        self.size_bytes += len(piece)
        if self.size_bytes > self._room:
            raise self._store.no_room(self.owner, self.path)
        self._digest.update(piece)
        with _translated(self.path):
            self._file.write(piece)

    def finish(self) -> StoredFile:
        """Put the file in its place, at once and for good. Raises as `write`, and `Conflict` at a folder's place."""
        with _translated(self.path):
            self._file.flush()
            with contextlib.suppress(OSError):  # a file system without attributes: it is computed when asked for
                os.setxattr(self._file.fileno(), _ATTRIBUTE, self.fingerprint.encode())
            os.fsync(self._file.fileno())
        return self._store.keep(self)

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        self.temporary.unlink(missing_ok=True)


def _describe(path: str, file: BinaryIO) -> StoredFile:
    held = os.fstat(file.fileno())
    try:
        fingerprint = os.getxattr(file.fileno(), _ATTRIBUTE).decode()
    except OSError:
        fingerprint = hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
        file.seek(0)
    return StoredFile(path, held.st_size, fingerprint, held.st_mtime)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"there is no room left for {path!r}; nothing of it was kept", hint="Free some space and try again."
            ) from error
        if error.errno == errno.ENAMETOOLONG:
            raise InvalidInput(f"the path {path!r} is too long for this disk", hint="Shorten it.") from error
        raise StorageFull(
            f"the disk refused {path!r}: {error.strerror or error}; nothing of it was kept", hint="Check the disk."
        ) from error


def _missing(path: str) -> NotFound:
    return NotFound(f"there is no file {path!r}", hint="It was never kept, or was deleted.")
