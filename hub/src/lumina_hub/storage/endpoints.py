"""A module's own values and files. No scope is needed for them, for nobody else sees them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import StreamingResponse

from lumina_hub.auth.access import GuardedRoute, KnownCaller
from lumina_hub.parts import storage_service
from lumina_hub.storage.schemas import value_out
from lumina_hub.storage.service import StorageService, storage_owner
from lumina_sdk.contract import (
    FilePath,
    PutValue,
    Slug,
    StorageKey,
    StoredFile,
    StoredFiles,
    StoredKeys,
    StoredValue,
)

__all__ = ["router"]


def _owner(
    principal: KnownCaller,
    module: Annotated[Slug | None, Query(description="Whose storage, for whoever holds `admin:hub`.")] = None,
) -> str:
    return storage_owner(principal, module)


router = APIRouter(route_class=GuardedRoute, tags=["storage"])
Owner = Annotated[str, Depends(_owner)]
Storage = Annotated[StorageService, Depends(storage_service)]
Key = Annotated[StorageKey, Path()]
File = Annotated[FilePath, Path(description="A relative path; no part begins with a dot.")]
Prefix = Annotated[str, Query(max_length=512)]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str | None, Query(max_length=512, description="The `after` of the page ahead of this one.")]
_VALUE = "/api/v1/storage/values/{key}"
_FILE = "/api/v1/storage/files/{path:path}"
_BYTES = "application/octet-stream"


@router.get("/api/v1/storage/values")
async def list_values(
    owner: Owner, storage: Storage, prefix: Prefix = "", limit: Limit = 100, after: After = None
) -> StoredKeys:
    """List keys in alphabetical order."""
    keys, following = await storage.values.keys(owner, prefix=prefix, limit=limit, after=after)
    return StoredKeys(keys=tuple(keys), after=following)


@router.get(_VALUE)
async def read_value(key: Key, owner: Owner, storage: Storage) -> StoredValue:
    """Return a value."""
    return value_out(await storage.values.get(owner, key))


@router.put(_VALUE)
async def put_value(key: Key, request: PutValue, owner: Owner, storage: Storage) -> StoredValue:
    """Keep a value; with `if_version` only in place of that version, else it is a 409."""
    return value_out(
        await storage.values.put(owner, key, request.value, ttl_s=request.ttl_s, if_version=request.if_version)
    )


@router.delete(_VALUE, status_code=204)
async def delete_value(key: Key, owner: Owner, storage: Storage) -> None:
    """Forget a value."""
    await storage.values.delete(owner, key)


@router.get("/api/v1/storage/files")
async def list_files(
    owner: Owner, storage: Storage, prefix: Prefix = "", limit: Limit = 100, after: After = None
) -> StoredFiles:
    """List files in alphabetical order of their paths."""
    return await storage.list_files(owner, prefix=prefix, limit=limit, after=after)


@router.get(
    _FILE,
    response_class=StreamingResponse,
    responses={200: {"content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def read_file(path: File, owner: Owner, storage: Storage) -> StreamingResponse:
    """Send a file's bytes. `ETag` holds their SHA-256."""
    found, pieces = await storage.read_file(owner, path)
    headers = {"Content-Length": str(found.size_bytes), "ETag": f'"{found.fingerprint}"'}
    return StreamingResponse(pieces, media_type=_BYTES, headers=headers)


@router.put(
    _FILE,
    openapi_extra={
        "requestBody": {"required": True, "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def put_file(path: File, owner: Owner, storage: Storage, connection: Request) -> StoredFile:
    """Keep the request's body as a file. It is seen once it is whole; one that is cut off changes nothing."""
    return await storage.put_file(owner, path, connection.stream())


@router.delete(_FILE, status_code=204)
async def delete_file(path: File, owner: Owner, storage: Storage) -> None:
    """Delete a file."""
    await storage.delete_file(owner, path)
