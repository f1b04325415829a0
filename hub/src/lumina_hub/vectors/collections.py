"""Which collections there are, whose they are, and who may see what in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import NotFound
from lumina_sdk.contract import Scope

__all__ = ["CORE_COLLECTIONS", "CollectionBook", "KnownCollection"]

_KEY = "vectors:collections"

CORE_COLLECTIONS: Mapping[str, Scope | None] = MappingProxyType(
    {
        "articles": None,
        "chunks": None,
        "chat_long": Scope.READ_CHAT_HISTORY,
        "scratch_mem": Scope.READ_SCRATCHPAD,
    }
)
"""The core's collections. Where a scope stands beside it a point belongs to somebody: that scope is needed as well, and
a caller finds only what is its own."""


@dataclass(frozen=True, slots=True)
class KnownCollection:
    """A collection. `owner` is the slug of the module that may write it, None for the core's own."""

    name: str
    dim: int
    owner: str | None = None

    @property
    def private_scope(self) -> Scope | None:
        """What reading it needs beside `read:vector_store`, where its points belong to somebody."""
        return CORE_COLLECTIONS[self.name] if self.owner is None else None


class CollectionBook:
    """The modules' collections, kept in Redis. Every method raises `RedisDown`."""

    def __init__(self, redis: RedisClient, *, core_dim: int) -> None:
        self._redis = redis
        self._core_dim = core_dim

    async def get(self, name: str) -> KnownCollection:
        """Raises `NotFound`."""
        if name in CORE_COLLECTIONS:
            return KnownCollection(name, self._core_dim)
        text = await self._redis.hget(_KEY, name)
        if text is None:
            raise NotFound(f"there is no collection {name!r}", hint="`/api/v1/vectors` lists those you may read.")
        return msgspec.json.decode(text, type=KnownCollection)

    async def all(self) -> list[KnownCollection]:
        """By name."""
        own = [msgspec.json.decode(text, type=KnownCollection) for text in (await self._redis.hvals(_KEY))]
        core = [KnownCollection(name, self._core_dim) for name in CORE_COLLECTIONS]
        return sorted([*core, *own], key=lambda collection: collection.name)

    async def add(self, collection: KnownCollection) -> None:
        await self._redis.hset(_KEY, collection.name, msgspec.json.encode(collection).decode())

    async def remove(self, name: str) -> None:
        await self._redis.hdel(_KEY, name)
