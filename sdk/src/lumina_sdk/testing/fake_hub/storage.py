"""Modules' own values and files, in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from lumina_sdk.contract import FilePath, PutValue, StorageKey, StoredFile, StoredFiles, StoredKeys, StoredValue
from lumina_sdk.errors import Conflict, NotFound
from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub.access import Anybody

__all__ = ["FakeStorage", "router"]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    modified_at: float


class FakeStorage:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._values: dict[tuple[str, str], StoredValue] = {}
        self._files: dict[tuple[str, str], _File] = {}

    def value(self, owner: str, key: str) -> StoredValue:
        found = self._values.get((owner, key))
        if found is None or (found.expires_at is not None and found.expires_at <= self._clock()):
            raise NotFound(f"Nothing is kept under {key!r}.")
        return found

    def put(self, owner: str, key: str, request: PutValue) -> StoredValue:
        try:
            version = self.value(owner, key).version
        except NotFound:
            version = 0
        if request.if_version is not None and request.if_version != version:
            raise Conflict(f"The value has the version {version}.", hint="Read it again.")
        expires_at = None if request.ttl_s is None else self._clock() + request.ttl_s
        kept = StoredValue(key=key, value=request.value, version=version + 1, expires_at=expires_at)
        self._values[owner, key] = kept
        return kept

    def delete(self, owner: str, key: str) -> None:
        self.value(owner, key)
        del self._values[owner, key]

    def keys(self, owner: str, prefix: str) -> list[str]:
        now = self._clock()
        alive = [
            key
            for (who, key), kept in self._values.items()
            if who == owner and key.startswith(prefix) and (kept.expires_at is None or kept.expires_at > now)
        ]
        return sorted(alive)

    def file(self, owner: str, path: str) -> bytes:
        return self._file(owner, path).content

    def write(self, owner: str, path: str, content: bytes) -> StoredFile:
        self._files[owner, path] = _File(content, self._clock())
        return self._described(owner, path)

    def remove(self, owner: str, path: str) -> None:
        self._file(owner, path)
        del self._files[owner, path]

    def files(self, owner: str, prefix: str) -> list[StoredFile]:
        paths = sorted(path for who, path in self._files if who == owner and path.startswith(prefix))
        return [self._described(owner, path) for path in paths]

    def _file(self, owner: str, path: str) -> _File:
        if (owner, path) not in self._files:
            raise NotFound(f"There is no file {path!r}.")
        return self._files[owner, path]

    def _described(self, owner: str, path: str) -> StoredFile:
        file = self._files[owner, path]
        return StoredFile(
            path=path,
            size_bytes=len(file.content),
            fingerprint=hashlib.sha256(file.content).hexdigest(),
            modified_at=file.modified_at,
        )


def _storage(request: Request) -> FakeStorage:
    storage: FakeStorage = request.app.state.hub.storage
    return storage


def _page(found: list[Any], key: Any, limit: int, after: str | None) -> tuple[tuple[Any, ...], str | None]:
    rest = [one for one in found if after is None or key(one) > after]
    return tuple(rest[:limit]), key(rest[limit - 1]) if len(rest) > limit else None


@router.get("/api/v1/storage/values")
async def list_keys(
    principal: Anybody, request: Request, prefix: str = "", limit: int = 100, after: str | None = None
) -> StoredKeys:
    keys, then = _page(_storage(request).keys(principal.id, prefix), str, limit, after)
    return StoredKeys(keys=keys, after=then)


@router.get("/api/v1/storage/values/{key}")
async def read_value(key: StorageKey, principal: Anybody, request: Request) -> StoredValue:
    return _storage(request).value(principal.id, key)


@router.put("/api/v1/storage/values/{key}")
async def put_value(key: StorageKey, body: PutValue, principal: Anybody, request: Request) -> StoredValue:
    return _storage(request).put(principal.id, key, body)


@router.delete("/api/v1/storage/values/{key}", status_code=204)
async def delete_value(key: StorageKey, principal: Anybody, request: Request) -> None:
    _storage(request).delete(principal.id, key)


@router.get("/api/v1/storage/files")
async def list_files(
    principal: Anybody, request: Request, prefix: str = "", limit: int = 100, after: str | None = None
) -> StoredFiles:
    files, then = _page(_storage(request).files(principal.id, prefix), lambda file: file.path, limit, after)
    return StoredFiles(files=files, after=then)


@router.get("/api/v1/storage/files/{path:path}")
async def read_file(path: FilePath, principal: Anybody, request: Request) -> Response:
    return Response(_storage(request).file(principal.id, path), media_type="application/octet-stream")


@router.put("/api/v1/storage/files/{path:path}")
async def write_file(path: FilePath, principal: Anybody, request: Request) -> StoredFile:
    return _storage(request).write(principal.id, path, await request.body())


@router.delete("/api/v1/storage/files/{path:path}", status_code=204)
async def delete_file(path: FilePath, principal: Anybody, request: Request) -> None:
    _storage(request).remove(principal.id, path)
