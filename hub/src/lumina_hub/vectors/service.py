"""Vectors, for the routes: the core's collections to read, a module's own to write too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import CollectionSpec, Filter, Point, Query, VectorStore
from lumina_core.errors import Conflict, InvalidInput, NotFound
from lumina_hub.auth.principal import Principal
from lumina_hub.embeddings.service import EmbeddingService
from lumina_hub.vectors.collections import CORE_COLLECTIONS, CollectionBook, KnownCollection
from lumina_hub.vectors.schemas import filter_in, found_out, vector_in
from lumina_sdk.contract import (
    Collection,
    Collections,
    CreateCollection,
    DeletePoints,
    PointsChanged,
    Scope,
    UpsertPoints,
    VectorSearchRequest,
    VectorSearchResponse,
)

__all__ = ["VectorService"]


class VectorService:
    """Every method raises `MissingScope` for a collection the principal may not use, `NotFound` for one that is not
    there, `RedisDown` and `VectorStoreDown`.

    Args:
        note_search: Told of each search as it begins, so that background work can give way.
    """

    def __init__(
        self, store: VectorStore, book: CollectionBook, embeddings: EmbeddingService, *, note_search: Callable[[], None]
    ) -> None:
        self._store = store
        self._book = book
        self._embeddings = embeddings
        self._note_search = note_search

    async def collections(self, principal: Principal) -> Collections:
        known = [collection for collection in await self._book.all() if _may_read(principal, collection)]
        return Collections(collections=tuple(await asyncio.gather(*map(self._shown, known))))

    async def create(self, name: str, request: CreateCollection, principal: Principal) -> Collection:
        """Make a collection; making it again, in the same shape, changes nothing.

        Raises:
            InvalidInput: The name is none a module's collection can have.
            Conflict: It is there with another dimension.
        """
        principal.demand(Scope.WRITE_VECTOR_STORE.narrowed(name))
        slug, dot, _ = name.partition(".")
        if not dot:
            raise InvalidInput(
                f"{name!r} cannot name a module's collection", hint="Name it `<module>.<word>`, as in almanac.days."
            )
        _demand_module(principal, slug)
        wanted = KnownCollection(name, request.dim or self._embeddings.info.dim, slug)
        try:
            held = await self._book.get(name)
        except NotFound:
            held = wanted
        if held.dim != wanted.dim:
            raise Conflict(
                f"the collection {name!r} has {held.dim} dimensions, not {wanted.dim}",
                hint="Use another name, or delete it first.",
            )
        await self._store.ensure(CollectionSpec(name, dim=wanted.dim, bm25=False))
        await self._book.add(wanted)
        return await self._shown(wanted)

    async def drop(self, name: str, principal: Principal) -> None:
        await self._own(name, principal)
        await self._store.drop(name)
        await self._book.remove(name)

    async def upsert(self, name: str, request: UpsertPoints, principal: Principal) -> PointsChanged:
        """Raises also `InvalidInput` for a point that does not fit; nothing is written then. Durable on return."""
        collection = await self._own(name, principal)
        for point in request.points:
            if (point.vector is None) == (point.text is None):
                raise InvalidInput(f"the point {point.id!r} needs a vector or a text", hint="Give one of the two.")
            if "id" in point.payload:
                raise InvalidInput(f"the payload of {point.id!r} has a field `id`", hint="Name the field otherwise.")
        texts = [point.text for point in request.points if point.text is not None]
        if texts:
            self._demand_embedding(collection, principal)
        embedded = iter(await self._embeddings.passages(texts) if texts else ())
        points = {
            point.id: Point(
                id=point.id,
                dense=next(embedded)
                if point.vector is None
                else vector_in(point.vector, collection.dim, f"the point {point.id!r}"),
                payload={**point.payload, "id": point.id},
            )
            for point in request.points
        }
        await self._store.upsert(name, list(points.values()))
        return PointsChanged(points=len(points))

    async def delete(self, name: str, request: DeletePoints, principal: Principal) -> PointsChanged:
        await self._own(name, principal)
        chosen = Filter(ids=tuple(dict.fromkeys(request.ids)))
        held = await self._store.count(name, chosen)
        await self._store.delete(name, chosen)
        return PointsChanged(points=held)

    async def search(self, name: str, request: VectorSearchRequest, principal: Principal) -> VectorSearchResponse:
        began_s = time.perf_counter()
        principal.demand(Scope.READ_VECTOR_STORE.narrowed(name))
        collection = await self._book.get(name)
        owner = None
        if collection.private_scope is not None:
            principal.demand(collection.private_scope)
            owner = principal.owner
        vector = await self._looked_for(request, collection, principal)
        query = Query("dense", vector, request.limit, filter_in(request.filter, owner=owner), payload=None)
        self._note_search()
        (hits,) = await self._store.query(name, [query])
        vectors = await self._vectors(name, [hit.id for hit in hits]) if request.with_vectors else {}
        return VectorSearchResponse(
            points=tuple(found_out(hit, vectors.get(hit.id)) for hit in hits),
            took_ms=round((time.perf_counter() - began_s) * 1000, 2),
        )

    async def _looked_for(
        self, request: VectorSearchRequest, collection: KnownCollection, principal: Principal
    ) -> NDArray[np.float32]:
        if (request.vector is None) == (request.text is None):
            raise InvalidInput("a search needs a vector or a text", hint="Give one of the two.")
        if request.vector is not None:
            return vector_in(request.vector, collection.dim, "the search")
        self._demand_embedding(collection, principal)
        (vector,) = await self._embeddings.queries([request.text or ""])
        return np.asarray(vector, dtype=np.float32)

    async def _vectors(self, name: str, ids: list[str]) -> dict[str, tuple[float, ...]]:
        records = await self._store.retrieve(name, ids, payload=(), vectors=("dense",))
        return {record.id: tuple(record.dense.tolist()) for record in records if record.dense is not None}

    async def _own(self, name: str, principal: Principal) -> KnownCollection:
        """A collection that may be written."""
        principal.demand(Scope.WRITE_VECTOR_STORE.narrowed(name))
        if name in CORE_COLLECTIONS:
            raise InvalidInput(
                f"the collection {name!r} is Lumina's own, and rebuilt from the log",
                hint="Make a collection of your own: `<module>.<word>`.",
            )
        collection = await self._book.get(name)
        _demand_module(principal, collection.owner or "")
        return collection

    def _demand_embedding(self, collection: KnownCollection, principal: Principal) -> None:
        principal.demand(Scope.USE_EMBEDDINGS)
        if collection.dim != self._embeddings.info.dim:
            raise InvalidInput(
                f"the collection {collection.name!r} has {collection.dim} dimensions, embeddings "
                f"{self._embeddings.info.dim}",
                hint="Send vectors instead of texts.",
            )

    async def _shown(self, collection: KnownCollection) -> Collection:
        try:
            points = (await self._store.info(collection.name)).points
        except NotFound:  # being made anew
            points = 0
        return Collection(name=collection.name, dim=collection.dim, points=points, owner=collection.owner)


def _may_read(principal: Principal, collection: KnownCollection) -> bool:
    return Scope.READ_VECTOR_STORE.narrowed(collection.name) in principal.scopes and (
        collection.private_scope is None or collection.private_scope in principal.scopes
    )


def _demand_module(principal: Principal, slug: str) -> None:
    """A module writes its own collections; whoever operates the hub, every module's."""
    if principal.module != slug:
        principal.demand(Scope.ADMIN_HUB)
