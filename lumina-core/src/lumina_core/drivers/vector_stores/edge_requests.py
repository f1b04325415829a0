"""Our requests in Qdrant Edge's words, and its answers in ours. Runs in the index process only."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import qdrant_edge as qe
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import CollectionSpec
from lumina_core.drivers.vector_stores.checks import check_query_fits
from lumina_core.drivers.vector_stores.edge_forward import Records
from lumina_core.drivers.vector_stores.edge_wire import (
    Hits,
    QueryBatch,
    QueryColumns,
    RecordColumns,
    UpsertColumns,
    WireFilter,
    WireMatch,
    WireRange,
)
from lumina_core.errors import InvalidInput

__all__ = [
    "edge_config",
    "edge_filter",
    "edge_points",
    "edge_queries",
    "forward_records",
    "forward_records_of",
    "hits_of",
    "id_bytes",
    "payload_selector",
    "records_of",
    "unit_vector",
]

HNSW_M = 16
HNSW_EF_CONSTRUCT = 128
HNSW_EF_SEARCH = 256
OVERSAMPLING = 2.0
_FULL_SCAN_KB = 20_000
"""Up to so many vectors (13,000) that a filter leaves are compared one by one, which takes about 2 ms."""

_INDEXED_SEGMENTS = 4
"""An optimisation indexes what is new as a segment of its own, and merges the smallest ones beyond this number. With a
single segment every one would rewrite the whole collection; each further one costs a search a third of a millisecond.
"""

_SEARCH_THREADS = 2


def edge_config(spec: CollectionSpec) -> qe.EdgeConfig:
    """How a collection's shard is laid out."""
    vectors = {
        "dense": qe.EdgeVectorParams(
            size=spec.dim,
            distance=qe.Distance.Cosine,
            hnsw_config=qe.HnswIndexConfig(
                m=HNSW_M,
                ef_construct=HNSW_EF_CONSTRUCT,
                full_scan_threshold=_FULL_SCAN_KB,
                max_indexing_threads=1,
                # No graphs of their own for parts of the collection: they made building twice as long, and our filters
                # leave either so little that it is scanned or so much that the one graph serves.
                payload_m=0,
            ),
            # One byte a dimension to walk the graph by, the full vectors on disk for the final scores: a quarter of the
            # memory, searches and index builds about three times as fast, recall@10 .98 before oversampling.
            quantization_config=qe.ScalarQuantizationConfig(qe.ScalarType.Int8, quantile=0.99, memory=qe.Memory.Cached),
            memory=qe.Memory.Cold,
        )
    }
    if spec.sentences:
        vectors["sentences"] = qe.EdgeVectorParams(
            size=spec.dim,
            distance=qe.Distance.Cosine,
            datatype=qe.VectorStorageDatatype.Float16,
            multivector_config=qe.MultiVectorConfig(qe.MultiVectorComparator.MaxSim),
            hnsw_config=qe.HnswIndexConfig(
                m=0, ef_construct=16, full_scan_threshold=_FULL_SCAN_KB, max_indexing_threads=1
            ),
            memory=qe.Memory.Cold,
        )
    sparse = (
        {"bm25": qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf, memory=qe.Memory.Cached)} if spec.bm25 else None
    )
    return qe.EdgeConfig(
        vectors=vectors,
        sparse_vectors=sparse,
        payload_memory=qe.Memory.Cold,
        max_search_threads=_SEARCH_THREADS,
        wal_enabled=True,
        optimizers=qe.EdgeOptimizersConfig(default_segment_number=_INDEXED_SEGMENTS, indexing_threshold=1000),
    )


def edge_filter(filter: WireFilter | None) -> qe.Filter | None:
    if filter is None:
        return None
    must: list[Any] = [_condition(each) for each in filter.must]
    if filter.ids is not None:
        must.append(qe.HasIdCondition(set(filter.ids)))
    return qe.Filter(must=must, must_not=[_condition(each) for each in filter.must_not])


def _condition(condition: WireMatch | WireRange) -> Any:
    if isinstance(condition, WireRange):
        return qe.FieldCondition(condition.key, range=qe.RangeFloat(gte=condition.gte, lte=condition.lte))
    # Edge takes a Python bool for the integer it also is; numpy's it takes for what it is.
    values: list[Any] = [np.bool_(each) if isinstance(each, bool) else each for each in condition.values]
    if len(values) == 1:
        return qe.FieldCondition(condition.key, match=qe.MatchValue(values[0]))
    if values and (all(isinstance(each, str) for each in values) or all(type(each) is int for each in values)):
        return qe.FieldCondition(condition.key, match=qe.MatchAny(values))
    if not values:
        return qe.HasIdCondition(set())
    return qe.Filter(should=[qe.FieldCondition(condition.key, match=qe.MatchValue(each)) for each in values])


def edge_points(columns: UpsertColumns, spec: CollectionSpec) -> list[qe.Point]:
    """Raises `InvalidInput` unless the vectors are those of the collection."""
    count = len(columns.uuids)
    if columns.dim != spec.dim or len(columns.dense) != count * spec.dim * 4:
        raise InvalidInput(
            f"the collection {spec.name!r} holds vectors of {spec.dim} dimensions, not {columns.dim}",
            hint="Vectors of another model cannot be mixed in: run `lumina reindex` after changing the embedder.",
        )
    dense = np.frombuffer(columns.dense, "<f4").reshape(count, spec.dim).tolist()
    sentences = np.frombuffer(columns.sentences, "<f4").reshape(-1, spec.dim).tolist()
    indices = np.frombuffer(columns.term_indices, "<u4").tolist()
    values = np.frombuffer(columns.term_values, "<f4").tolist()
    points = []
    row = term = 0
    for i, uuid in enumerate(columns.uuids):
        vectors: dict[str, Any] = {"dense": dense[i]}
        rows, terms = columns.sentence_counts[i], columns.term_counts[i]
        if rows:
            vectors["sentences"] = sentences[row : row + rows]
            row += rows
        if terms >= 0:
            vectors["bm25"] = qe.SparseVector(indices[term : term + terms], values[term : term + terms])
            term += terms
        points.append(qe.Point(uuid, vectors, columns.payloads[i]))
    return points


def forward_records(columns: UpsertColumns, spec: CollectionSpec) -> Records:
    """The points of an upsert that `edge_points` has let pass, as the forward index keeps them."""
    dense = np.frombuffer(columns.dense, "<f4").reshape(-1, spec.dim)
    sentences = np.frombuffer(columns.sentences, "<f4").reshape(-1, spec.dim)
    counts = np.array(columns.sentence_counts, np.int64) + 1
    is_sentence = np.ones(int(counts.sum()), np.bool_)
    is_sentence[np.cumsum(counts) - counts] = False
    vectors = np.empty((len(is_sentence), spec.dim), np.float32)
    vectors[~is_sentence], vectors[is_sentence] = dense, sentences
    payloads = [_encode_fields(payload, spec.compared) for payload in columns.payloads]
    return Records([UUID(uuid).bytes for uuid in columns.uuids], vectors, counts.tolist(), payloads)


def forward_records_of(records: Sequence[qe.Record], dim: int) -> Records:
    """The same of points that were read."""
    named: list[Any] = [record.vector or {} for record in records]  # each access converts: ask once
    rows = [[each["dense"], *each.get("sentences", ())] for each in named]
    return Records(
        [id_bytes(record) for record in records],
        np.array([row for point in rows for row in point], np.float32).reshape(-1, dim),
        [len(point) for point in rows],
        [msgspec.msgpack.encode(record.payload or {}) for record in records],
    )


def id_bytes(record: qe.Record) -> bytes:
    """The 16 bytes of a point's UUID; we make no other ids."""
    uuid: Any = record.id
    return bytes(uuid.bytes)


def _encode_fields(payload: dict[str, Any], fields: Sequence[str]) -> bytes:
    return msgspec.msgpack.encode({field: payload[field] for field in fields if field in payload})


def unit_vector(vector: bytes, spec: CollectionSpec) -> NDArray[np.float32]:
    """Raises `InvalidInput` for a vector of another dimension."""
    check_query_fits("dense", len(vector) // 4, spec)
    row = np.frombuffer(vector, "<f4")
    return np.asarray(row / (float(np.linalg.norm(row)) or 1.0), np.float32)


def edge_queries(batch: QueryBatch, spec: CollectionSpec) -> list[qe.QueryRequest]:
    """Raises `InvalidInput` where the collection has no such vector, or one of another dimension."""
    filters = [edge_filter(each) for each in batch.filters]
    return [
        _edge_query(query, None if query.filter is None else filters[query.filter], spec) for query in batch.queries
    ]


def _edge_query(query: QueryColumns, filter: qe.Filter | None, spec: CollectionSpec) -> qe.QueryRequest:
    check_query_fits(query.using, None if query.indices is not None else len(query.vector) // 4, spec)
    vector: Any = np.frombuffer(query.vector, "<f4").tolist()
    params = None
    if query.indices is not None:
        vector = qe.SparseVector(np.frombuffer(query.indices, "<u4").tolist(), vector)
    elif query.using == "sentences":
        vector = [vector]
    else:
        params = qe.SearchParams(
            hnsw_ef=max(HNSW_EF_SEARCH, query.limit),
            exact=query.exact,
            quantization=qe.QuantizationSearchParams(ignore=query.exact, rescore=True, oversampling=OVERSAMPLING),
        )
    return qe.QueryRequest(
        limit=query.limit,
        query=qe.Query.Nearest(vector, using=query.using),
        filter=filter,
        params=params,
        with_payload=payload_selector(query.payload) if query.payload != [] else False,
        with_vector=False,
    )


def payload_selector(fields: Sequence[str] | None) -> bool | list[str]:
    """`id` always comes along: it is what callers know the point by."""
    return True if fields is None else ["id", *fields]


def hits_of(
    points: Sequence[qe.ScoredPoint], fields: Sequence[str] | None, string_ids: Callable[[list[UUID]], list[str]]
) -> Hits:
    """The hits; `string_ids` names them where no payload came along to say their names."""
    scores = [point.score for point in points]
    if fields is not None and not fields:
        return Hits(string_ids([point.id for point in points]), scores, None)  # type: ignore[misc]  # we make UUIDs only
    payloads = [point.payload or {} for point in points]
    ids = [payload["id"] for payload in payloads]
    if fields is None:
        return Hits(ids, scores, payloads)
    return Hits(ids, scores, payloads if "id" in fields else [_without_id(payload) for payload in payloads])


def _without_id(payload: dict[str, Any]) -> dict[str, Any]:
    payload.pop("id", None)
    return payload


def records_of(
    records: Sequence[qe.Record], fields: Sequence[str] | None, vectors: Sequence[str], dim: int
) -> RecordColumns:
    payloads = [record.payload or {} for record in records]
    ids = [payload["id"] for payload in payloads]
    if fields is not None and "id" not in fields:
        payloads = [_without_id(payload) for payload in payloads]
    columns = RecordColumns(ids, payloads, dim)
    if not vectors:
        return columns
    named: list[Any] = [record.vector or {} for record in records]  # each access converts: ask once
    pack = struct.Struct(f"<{dim}f").pack  # twice as fast as numpy for lists this short
    if "dense" in vectors:
        columns.dense = b"".join([pack(*each["dense"]) for each in named])
    if "sentences" in vectors:
        rows = [each.get("sentences", ()) for each in named]
        columns.sentence_counts = [len(each) for each in rows]
        columns.sentences = b"".join([pack(*row) for each in rows for row in each])
    if "bm25" in vectors:
        sparse = [each.get("bm25") for each in named]
        columns.term_counts = [-1 if each is None else len(each.indices) for each in sparse]
        columns.term_indices = np.array([i for each in sparse if each for i in each.indices], "<u4").tobytes()
        columns.term_values = np.array([v for each in sparse if each for v in each.values], "<f4").tobytes()
    return columns
