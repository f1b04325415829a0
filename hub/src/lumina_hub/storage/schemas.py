"""A module's storage between the core and the wire."""

from __future__ import annotations

from lumina_core.storage.files import StoredFile as CoreFile
from lumina_core.storage.values import StoredValue as CoreValue
from lumina_sdk.contract import StoredFile, StoredValue

__all__ = ["file_out", "value_out"]


def value_out(value: CoreValue) -> StoredValue:
    return StoredValue(key=value.key, value=value.value, version=value.version, expires_at=value.expires_at)


def file_out(file: CoreFile) -> StoredFile:
    return StoredFile(
        path=file.path, size_bytes=file.size_bytes, fingerprint=file.fingerprint, modified_at=file.modified_at
    )
