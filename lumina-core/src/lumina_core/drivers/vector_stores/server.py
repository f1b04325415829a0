"""A Qdrant server, or the client library's own imitation of one, as a vector store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from lumina_core.drivers.vector_store import (
    CollectionSpec,
    Comparison,
    Filter,
    Point,
    Query,
    Record,
    SparseVector,
    StoreHit,
    StoreInfo,
    point_uuid,
)
from lumina_core.drivers.vector_stores.checks import (
    check_payload_id,
    check_point,
    check_query,
    check_query_fits,
    check_vector,
)
from lumina_core.drivers.vector_stores.server_models import (
    comparison_of,
    hit_of,
    payload_selector,
    point_struct,
    record_of,
    server_filter,
)
from lumina_core.errors import Conflict, CoreError, InvalidInput, NotFound, StorageFull, VectorStoreDown

__all__ = ["ServerStore"]

_POINTS_PER_REQUEST = 64
_HNSW = models.HnswConfigDiff(m=16, ef_construct=128)
_HNSW_EF_SEARCH = 128


class ServerStore:
    """The `VectorStore` on a Qdrant server. It optimises by itself, so `optimise` has nothing to do.

    Args:
        url: Where it listens; or `:memory:` or `path:DIR` for the client's local mode, which searches everything one by
            one, knows no payload indexes and takes one process at a time. Meant for tests.
        api_key: Sent with every request, where the server asks for one.
        prefix: Put before every collection name, so that several Luminas can share a server.
        timeout_s: How long one request may take.
    """

    def __init__(self, url: str, api_key: str | None = None, prefix: str = "", *, timeout_s: int = 30) -> None:
        self._url = url
        self._prefix = prefix
        self._local = url == ":memory:" or url.startswith("path:")
        self._specs: dict[str, CollectionSpec] = {}
        self._closed = False
        if url == ":memory:":
            self._client = AsyncQdrantClient(":memory:")
        elif self._local:
            self._client = AsyncQdrantClient(path=url.removeprefix("path:"))
        else:
            self._client = AsyncQdrantClient(url=url, api_key=api_key, timeout=timeout_s, check_compatibility=False)

    async def ensure(self, spec: CollectionSpec) -> None:
        with self._translated(spec.name):
            if not await self._client.collection_exists(self._name(spec.name)):
                await self._create(spec)
        held = await self._spec(spec.name)
        if (held.dim, held.sentences, held.bm25) != (spec.dim, spec.sentences, spec.bm25):
            raise Conflict(
                f"the collection {spec.name!r} holds other vectors: "
                f"dim {held.dim}, sentences {held.sentences}, bm25 {held.bm25}",
                hint="Run `lumina reindex` to rebuild it.",
            )
        if self._local:
            return  # it has no payload indexes and warns about it
        with self._translated(spec.name):
            for key in spec.keyword_fields:
                await self._client.create_payload_index(
                    self._name(spec.name), key, models.PayloadSchemaType.KEYWORD, wait=True
                )
            for key in spec.number_fields:
                await self._client.create_payload_index(
                    self._name(spec.name), key, models.PayloadSchemaType.FLOAT, wait=True
                )

    async def drop(self, collection: str) -> None:
        self._specs.pop(collection, None)
        with self._translated(collection):
            if await self._client.collection_exists(self._name(collection)):
                await self._client.delete_collection(self._name(collection))

    async def upsert(self, collection: str, points: Sequence[Point]) -> None:
        spec = await self._spec(collection)
        for point in points:
            check_point(point, spec)
        with self._translated(collection):
            for start in range(0, len(points), _POINTS_PER_REQUEST):
                batch = [point_struct(point) for point in points[start : start + _POINTS_PER_REQUEST]]
                await self._client.upsert(self._name(collection), batch, wait=True)

    async def delete(self, collection: str, filter: Filter) -> None:
        await self._spec(collection)
        with self._translated(collection):
            selector = models.FilterSelector(filter=server_filter(filter) or models.Filter())
            await self._client.delete(self._name(collection), selector, wait=True)

    async def set_payload(self, collection: str, payloads: Mapping[str, Mapping[str, Any]]) -> None:
        await self._spec(collection)
        for string_id, fields in payloads.items():
            check_payload_id(string_id, fields)
        with self._translated(collection):
            known = {record.id for record in await self._retrieve(collection, list(payloads), ("id",), ())}
            operations: list[models.UpdateOperation] = [
                models.SetPayloadOperation(
                    set_payload=models.SetPayload(payload=dict(payloads[string_id]), points=[point_uuid(string_id)])
                )
                for string_id in payloads
                if string_id in known
            ]
            for start in range(0, len(operations), _POINTS_PER_REQUEST):
                batch = operations[start : start + _POINTS_PER_REQUEST]
                await self._client.batch_update_points(self._name(collection), batch, wait=True)

    async def query(self, collection: str, queries: Sequence[Query]) -> list[list[StoreHit]]:
        if not queries:
            return []
        spec = await self._spec(collection)
        for query in queries:
            check_query(query)
            check_query_fits(query.using, None if isinstance(query.vector, SparseVector) else len(query.vector), spec)
        with self._translated(collection):
            answers = await self._client.query_batch_points(
                self._name(collection), [self._request(query) for query in queries]
            )
        return [
            [hit_of(point, query.payload) for point in answer.points]
            for answer, query in zip(answers, queries, strict=True)
        ]

    async def retrieve(
        self,
        collection: str,
        ids: Sequence[str],
        *,
        payload: tuple[str, ...] | None = None,
        vectors: tuple[str, ...] = (),
    ) -> list[Record]:
        if not ids:
            return []
        await self._spec(collection)
        with self._translated(collection):
            found = {record.id: record for record in await self._retrieve(collection, ids, payload, vectors)}
        return [found[string_id] for string_id in ids if string_id in found]

    async def compare(
        self, collection: str, vector: NDArray[np.float32], ids: Sequence[str], *, payload: tuple[str, ...] = ()
    ) -> Comparison:
        spec = await self._spec(collection)
        check_vector(vector)
        check_query_fits("dense", len(vector), spec)
        names = ("dense", "sentences") if spec.sentences else ("dense",)
        records = await self.retrieve(collection, list(dict.fromkeys(ids)), payload=payload, vectors=names)
        return comparison_of(records, vector / (float(np.linalg.norm(vector)) or 1.0))

    async def scroll(
        self,
        collection: str,
        *,
        filter: Filter | None = None,
        limit: int = 256,
        after: str | None = None,
        payload: tuple[str, ...] | None = None,
    ) -> tuple[list[Record], str | None]:
        if limit < 1:
            raise InvalidInput(f"a page needs a limit of at least 1, not {limit}")
        await self._spec(collection)
        with self._translated(collection):
            points, following = await self._client.scroll(
                self._name(collection),
                scroll_filter=server_filter(filter),
                limit=limit,
                offset=after,
                with_payload=payload_selector(payload),
            )
        return [record_of(point, payload, ()) for point in points], None if following is None else str(following)

    async def count(self, collection: str, filter: Filter | None = None) -> int:
        await self._spec(collection)
        with self._translated(collection):
            return (
                await self._client.count(self._name(collection), count_filter=server_filter(filter), exact=True)
            ).count

    async def optimise(self, collection: str) -> bool:
        await self._spec(collection)
        return False

    async def needs_optimising(self, collection: str) -> bool:
        """Never: the server does it by itself."""
        await self._spec(collection)
        return False

    async def flush(self, collection: str) -> None:
        """Nothing to do: the server's write-ahead log is its own affair."""
        await self._spec(collection)

    async def info(self, collection: str) -> StoreInfo:
        """`disk_bytes` is 0: a server does not say."""
        points = await self.count(collection)
        with self._translated(collection):
            described = await self._client.get_collection(self._name(collection))
            version = "local" if self._local else (await self._client.info()).version
        indexed = 0 if self._local else min(described.indexed_vectors_count or 0, points)
        return StoreInfo(points, indexed, 0, "server", version)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._client.close()

    def _name(self, collection: str) -> str:
        return self._prefix + collection

    async def _create(self, spec: CollectionSpec) -> None:
        vectors = {"dense": models.VectorParams(size=spec.dim, distance=models.Distance.COSINE, hnsw_config=_HNSW)}
        if spec.sentences:
            vectors["sentences"] = models.VectorParams(
                size=spec.dim,
                distance=models.Distance.COSINE,
                datatype=models.Datatype.FLOAT16,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                hnsw_config=models.HnswConfigDiff(m=0),
                on_disk=True,
            )
        sparse = {"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)} if spec.bm25 else None
        await self._client.create_collection(
            self._name(spec.name), vectors_config=vectors, sparse_vectors_config=sparse, on_disk_payload=True
        )

    async def _spec(self, collection: str) -> CollectionSpec:
        if spec := self._specs.get(collection):
            return spec
        with self._translated(collection):
            if not await self._client.collection_exists(self._name(collection)):
                raise _missing(collection)
            params = (await self._client.get_collection(self._name(collection))).config.params
        vectors = params.vectors if isinstance(params.vectors, dict) else {}
        if "dense" not in vectors:
            raise Conflict(
                f"the collection {collection!r} on the server is not one of ours", hint="Set another prefix."
            )
        spec = CollectionSpec(
            collection, vectors["dense"].size, "sentences" in vectors, "bm25" in (params.sparse_vectors or {})
        )
        self._specs[collection] = spec
        return spec

    async def _retrieve(
        self, collection: str, ids: Sequence[str], payload: tuple[str, ...] | None, vectors: tuple[str, ...]
    ) -> list[Record]:
        points = await self._client.retrieve(
            self._name(collection),
            [point_uuid(string_id) for string_id in dict.fromkeys(ids)],
            with_payload=payload_selector(payload),
            with_vectors=list(vectors) or False,
        )
        return [record_of(point, payload, vectors) for point in points]

    def _request(self, query: Query) -> models.QueryRequest:
        params = None
        if query.using == "dense" and not self._local:
            params = models.SearchParams(exact=query.exact, hnsw_ef=max(_HNSW_EF_SEARCH, query.limit))
        vector: Any
        if isinstance(query.vector, SparseVector):
            vector = models.SparseVector(indices=query.vector.indices.tolist(), values=query.vector.values.tolist())
        else:
            vector = query.vector.tolist()
        return models.QueryRequest(
            query=models.NearestQuery(nearest=[vector] if query.using == "sentences" else vector),
            using=query.using,
            limit=query.limit,
            filter=server_filter(query.filter),
            params=params,
            with_payload=payload_selector(query.payload),
        )

    @contextmanager
    def _translated(self, collection: str) -> Iterator[None]:
        """The client's errors as ours. A collection that has gone is forgotten, whoever removed it."""
        if self._closed:
            raise VectorStoreDown("the vector store is closed")
        try:
            yield
        except UnexpectedResponse as error:
            raise self._refused(collection, error) from error
        except (ResponseHandlingException, ApiException, httpx.HTTPError, OSError) as error:
            raise VectorStoreDown(
                f"the vector store at {self._url!r} does not answer: {error}",
                hint="Is Qdrant running there? See LUMINA_QDRANT_URL.",
            ) from error
        except (ValueError, TypeError, QdrantException) as error:
            if "not found" in str(error):
                self._specs.pop(collection, None)
                raise _missing(collection) from error
            raise InvalidInput(f"the vector store refused the request on {collection!r}: {error}") from error

    def _refused(self, collection: str, error: UnexpectedResponse) -> CoreError:
        text = error.content.decode(errors="replace")
        lowered = text.lower()
        if error.status_code == 404:
            self._specs.pop(collection, None)
            return _missing(collection)
        if "no space left" in lowered or ("disk" in lowered and "full" in lowered):
            return StorageFull("the disk of the vector store is full", hint="Free some space on its machine.")
        if error.status_code in (401, 403):
            return VectorStoreDown("the vector store does not accept our API key", hint="See LUMINA_QDRANT_API_KEY.")
        if error.status_code is not None and error.status_code < 500:
            return InvalidInput(f"the vector store refused the request on {collection!r}: {text}")
        return VectorStoreDown(f"the vector store answered {error.status_code}: {text}", hint="See its log.")


def _missing(collection: str) -> NotFound:
    return NotFound(f"there is no collection {collection!r}", hint="Run `lumina reindex` to build the index.")
