"""A module's own values and files. Needs no scope."""

from __future__ import annotations

from pydantic import JsonValue

from lumina_sdk.client.connection import Connection, Parameters
from lumina_sdk.client.paths import part
from lumina_sdk.contract import PutValue, StoredFile, StoredFiles, StoredKeys, StoredValue
from lumina_sdk.errors import NotFound

__all__ = ["StorageApi"]

_VALUES = "/api/v1/storage/values"
_FILES = "/api/v1/storage/files"


class StorageApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, key: str, default: JsonValue = None) -> JsonValue:
        """The value kept under a key; `default` where there is none."""
        try:
            return (await self.read(key)).value
        except NotFound:
            return default

    async def read(self, key: str) -> StoredValue:
        """The value kept under a key, with its version. Raises `NotFound`."""
        return await self._connection.ask(StoredValue, "GET", f"{_VALUES}/{part(key)}")

    async def put(
        self, key: str, value: JsonValue, *, ttl_s: float | None = None, if_version: int | None = None
    ) -> StoredValue:
        """Keep a value, for good or for `ttl_s`.

        With `if_version`, only if the version there now is this one (0: there is none); raises `Conflict` if not.
        """
        body = PutValue(value=value, ttl_s=ttl_s, if_version=if_version)
        return await self._connection.ask(StoredValue, "PUT", f"{_VALUES}/{part(key)}", body)

    async def delete(self, key: str) -> bool:
        """Forget a value. Returns whether there was one."""
        return await self._delete(f"{_VALUES}/{part(key)}")

    async def keys(self, *, prefix: str = "", limit: int = 100, after: str | None = None) -> StoredKeys:
        """A page of keys, in alphabetical order."""
        params: Parameters = {"prefix": prefix, "limit": limit, "after": after}
        return await self._connection.ask(StoredKeys, "GET", _VALUES, params=params)

    async def read_file(self, path: str) -> bytes:
        """A file's bytes. Raises `NotFound`."""
        return (await self._connection.send("GET", f"{_FILES}/{part(path, slashes=True)}")).content

    async def write_file(self, path: str, content: bytes) -> StoredFile:
        """Keep a file, whole; it replaces what was there in one step."""
        response = await self._connection.send("PUT", f"{_FILES}/{part(path, slashes=True)}", content)
        return StoredFile.model_validate_json(response.content)

    async def delete_file(self, path: str) -> bool:
        """Remove a file. Returns whether there was one."""
        return await self._delete(f"{_FILES}/{part(path, slashes=True)}")

    async def files(self, *, prefix: str = "", limit: int = 100, after: str | None = None) -> StoredFiles:
        """A page of files, in alphabetical order."""
        params: Parameters = {"prefix": prefix, "limit": limit, "after": after}
        return await self._connection.ask(StoredFiles, "GET", _FILES, params=params)

    async def _delete(self, path: str) -> bool:
        try:
            await self._connection.send("DELETE", path)
        except NotFound:
            return False
        return True
