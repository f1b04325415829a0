"""Whose storage a call is about, and files between a request and the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from starlette.concurrency import iterate_in_threadpool

from lumina_core.errors import InvalidInput, NotFound
from lumina_core.storage.files import FileStore
from lumina_core.storage.values import ValueStore
from lumina_hub.auth.principal import Principal
from lumina_hub.storage.schemas import file_out
from lumina_sdk.contract import Scope, StoredFile, StoredFiles

__all__ = ["StorageService", "storage_owner"]

_PIECE_BYTES = 256 * 1024


def storage_owner(principal: Principal, module: str | None) -> str:
    """The slug of the module whose storage is meant: the caller's, or the one that whoever operates the hub names.

    Raises:
        NotFound: It is another module's: whether that is there is not ours to tell.
        InvalidInput: The caller is no module, and names none.
    """
    if module is None and principal.module is None:
        raise InvalidInput(
            "storage belongs to modules, and the caller is none", hint="Name the module: `?module=<slug>`."
        )
    if module is None or module == principal.module:
        return principal.module or ""
    if Scope.ADMIN_HUB not in principal.scopes:
        raise NotFound(f"there is no storage of {module!r}", hint="A module sees its own only.")
    return module


class StorageService:
    """Files in threads; `values` is used as it is."""

    def __init__(self, values: ValueStore, files: FileStore) -> None:
        self.values = values
        self._files = files

    async def put_file(self, owner: str, path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
        """Keep a file; it is seen once it is whole. Raises what `FileStore.begin` and `Upload` raise."""
        upload = await asyncio.to_thread(self._files.begin, owner, path)
        try:
            async for piece in pieces:
                await asyncio.to_thread(upload.write, piece)
            return file_out(await asyncio.to_thread(upload.finish))
        finally:
            await asyncio.to_thread(upload.__exit__)

    async def read_file(self, owner: str, path: str) -> tuple[StoredFile, AsyncIterator[bytes]]:
        """Raises `NotFound`. The bytes must be read, or the iterator closed."""
        found, file = await asyncio.to_thread(self._files.read, owner, path)

        def pieces() -> Iterator[bytes]:
            with file:
                while piece := file.read(_PIECE_BYTES):
                    yield piece

        return file_out(found), iterate_in_threadpool(pieces())

    async def delete_file(self, owner: str, path: str) -> None:
        """Raises `NotFound`."""
        await asyncio.to_thread(self._files.delete, owner, path)

    async def list_files(self, owner: str, *, prefix: str, limit: int, after: str | None) -> StoredFiles:
        files, following = await asyncio.to_thread(
            lambda: self._files.list(owner, prefix=prefix, limit=limit, after=after)
        )
        return StoredFiles(files=tuple(map(file_out, files)), after=following)
