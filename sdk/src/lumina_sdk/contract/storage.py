"""A module's own storage: small values by key, and files. Nobody else sees them, and no scope is needed for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = ["FilePath", "PutValue", "StorageKey", "StoredFile", "StoredFiles", "StoredKeys", "StoredValue"]

StorageKey = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_.:-]+$")]
"""A key: letters, digits and `_.:-`, up to 256."""

FilePath = Annotated[
    str, Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$")
]
"""A relative path; no part begins with a dot."""


class PutValue(RequestModel):
    """A value to keep, as JSON.

    `ttl_s` forgets it after that long. `if_version` keeps it only if the value there now has this version, 0 meaning
    that there is none; else the answer is the problem `conflict`.
    """

    value: JsonValue
    ttl_s: float | None = Field(default=None, gt=0)
    if_version: int | None = Field(default=None, ge=0)


class StoredValue(WireModel):
    """A value as it is kept. `version` grows with each write; `expires_at` is epoch seconds, None where it stays."""

    key: str
    value: JsonValue
    version: int
    expires_at: float | None = None


class StoredKeys(WireModel):
    """In alphabetical order. `after` is the cursor of the page after this one, None on the last page."""

    keys: tuple[str, ...]
    after: str | None = None


class StoredFile(WireModel):
    """A file as it is kept. `fingerprint` is the SHA-256 of its bytes, in hex; `modified_at` epoch seconds."""

    path: str
    size_bytes: int
    fingerprint: str
    modified_at: float


class StoredFiles(WireModel):
    """In alphabetical order. `after` is the cursor of the page after this one, None on the last page."""

    files: tuple[StoredFile, ...]
    after: str | None = None
