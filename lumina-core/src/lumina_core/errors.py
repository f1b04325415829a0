"""Every error the core raises on purpose.

CoreError
├── InvalidInput            what the caller gave cannot be used; nothing was changed
│   └── UnreadableSource    a dump, file or page that is not what it claims to be
├── NotFound                an id, title or session the store does not hold
├── Conflict                the request does not fit the present state
│   └── HomeLocked          another process holds this data directory
├── StorageFull             the disk is full; nothing of the failed write was kept
├── QuotaFull               what is allotted to the caller is used up; nothing of the failed write was kept
├── Unsupported             the chosen driver cannot do this at all
├── CorruptLog              a line in the middle of the log cannot be read
└── DependencyDown          something we call is not there now; trying again may work
    ├── RedisDown
    ├── VectorStoreDown
    └── EmbedderDown

Drivers translate their library's errors into these; nothing from below leaks through unmapped.
"""

from __future__ import annotations

__all__ = [
    "Conflict",
    "CoreError",
    "CorruptLog",
    "DependencyDown",
    "EmbedderDown",
    "HomeLocked",
    "InvalidInput",
    "NotFound",
    "QuotaFull",
    "RedisDown",
    "StorageFull",
    "UnreadableSource",
    "Unsupported",
    "VectorStoreDown",
]


class CoreError(Exception):
    """Base of the tree. `hint` says what the reader can do about it, in one sentence."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(CoreError):
    """What the caller gave cannot be used; nothing was changed."""


class UnreadableSource(InvalidInput):
    """A dump, file or page that is not what it claims to be."""


class NotFound(CoreError):
    """An id, title or session the store does not hold."""


class Conflict(CoreError):
    """The request does not fit the present state."""


class HomeLocked(Conflict):
    """Another process holds this data directory."""


class StorageFull(CoreError):
    """The disk is full; nothing of the failed write was kept."""


class QuotaFull(CoreError):
    """What is allotted to the caller is used up; nothing of the failed write was kept."""


class Unsupported(CoreError):
    """The chosen driver cannot do this at all; another one may."""


class CorruptLog(CoreError):
    """A line in the middle of the log cannot be read."""


class DependencyDown(CoreError):
    """Something we call is not there now; trying again may work."""


class RedisDown(DependencyDown):
    """Redis does not answer."""


class VectorStoreDown(DependencyDown):
    """The vector store does not answer."""


class EmbedderDown(DependencyDown):
    """The embedder cannot be loaded or does not answer."""
