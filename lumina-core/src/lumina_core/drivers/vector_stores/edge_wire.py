"""What travels between a client and the index process: one frame, a 4-byte length and a msgpack value.

Vectors travel as the raw bytes of their arrays (float32, little-endian, C order), column by column, so that neither side
walks them in Python. Filters and point ids are translated here once: beyond this file a point is known by its UUID.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lumina_core import errors
from lumina_core.drivers.vector_store import (
    CollectionSpec,
    Filter,
    Match,
    Point,
    Query,
    Range,
    Record,
    SparseVector,
    StoreHit,
    point_uuid,
)

__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_POINTS_PER_FRAME",
    "Hits",
    "QueryColumns",
    "RecordColumns",
    "Reply",
    "Request",
    "UpsertColumns",
    "WireFilter",
    "WireMatch",
    "WireRange",
    "decode_hits",
    "decode_records",
    "decode_reply",
    "decode_request",
    "encode_error",
    "encode_filter",
    "encode_payload",
    "encode_query",
    "frame",
    "raise_error",
    "split_frames",
    "split_upsert",
]

MAX_POINTS_PER_FRAME = 32
"""What one Edge call writes. Such a call takes about 5 ms and nothing else runs meanwhile, so this is what a query waits for."""

MAX_FRAME_BYTES = 256 * 1024 * 1024
_FRAME_TARGET_BYTES = 4 * 1024 * 1024
_LENGTH = struct.Struct("<I")


class Request(msgspec.Struct, array_like=True):
    """One call. `writes` decides the queue it waits in; `args` is what the operation needs."""

    id: int
    writes: bool
    op: str
    collection: str
    args: msgspec.Raw


class Reply(msgspec.Struct, array_like=True):
    """The answer to the call of that id: a value, or what went wrong as (class name, message, hint)."""

    id: int
    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    error: tuple[str, str, str | None] | None = None


class WireMatch(msgspec.Struct, array_like=True, tag="m", frozen=True):
    key: str
    values: list[bool | int | str]


class WireRange(msgspec.Struct, array_like=True, tag="r", frozen=True):
    key: str
    gte: float | None
    lte: float | None


class WireFilter(msgspec.Struct, array_like=True, frozen=True):
    """A `Filter` whose ids are UUIDs."""

    must: list[WireMatch | WireRange] = []
    must_not: list[WireMatch | WireRange] = []
    ids: list[str] | None = None


class UpsertColumns(msgspec.Struct, array_like=True):
    """Points by column. The sentences and terms of a point are the next `…_counts[i]` rows; absent columns are empty."""

    uuids: list[str]
    payloads: list[dict[str, Any]]
    dim: int
    dense: bytes
    sentences: bytes
    sentence_counts: list[int]
    term_indices: bytes
    term_values: bytes
    term_counts: list[int]


class QueryColumns(msgspec.Struct, array_like=True):
    """One search; `vector` holds float32, for a sparse one the weights of `indices` (uint32)."""

    using: str
    vector: bytes
    indices: bytes | None
    limit: int
    filter: WireFilter | None
    exact: bool
    payload: list[str] | None


class Hits(msgspec.Struct, array_like=True):
    """The hits of one search by falling score; `payloads` is None where no field was asked for."""

    ids: list[str]
    scores: list[float]
    payloads: list[dict[str, Any]] | None


class RecordColumns(msgspec.Struct, array_like=True):
    """Records by column; vectors that were not asked for are None, counts of 0 mean the point has none."""

    ids: list[str]
    payloads: list[dict[str, Any]]
    dim: int
    dense: bytes | None = None
    sentences: bytes | None = None
    sentence_counts: list[int] | None = None
    term_indices: bytes | None = None
    term_values: bytes | None = None
    term_counts: list[int] | None = None


_ENCODER = msgspec.msgpack.Encoder()
_REQUEST = msgspec.msgpack.Decoder(Request)
_REPLY = msgspec.msgpack.Decoder(Reply)


def frame(value: Any) -> bytes:
    """The value as msgpack behind its length."""
    body = _ENCODER.encode(value)
    if len(body) > MAX_FRAME_BYTES:
        raise errors.InvalidInput(
            f"a message of {len(body)} bytes is more than the index takes ({MAX_FRAME_BYTES})",
            hint="Send fewer or smaller points at a time.",
        )
    return _LENGTH.pack(len(body)) + body


def split_frames(buffer: bytearray) -> Iterator[bytes]:
    """Take the complete frames off the front of the buffer, leaving what is incomplete.

    Raises:
        ValueError: The length makes no sense: the other side does not speak this protocol.
    """
    start = 0
    try:
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            body = bytes(memoryview(buffer)[start + _LENGTH.size : end])
            start = end
            yield body
    finally:
        del buffer[:start]


def decode_request(body: bytes) -> Request:
    return _REQUEST.decode(body)


def decode_reply(body: bytes) -> Reply:
    return _REPLY.decode(body)


def encode_error(error: errors.CoreError) -> tuple[str, str, str | None]:
    return type(error).__name__, error.message, error.hint


def raise_error(error: tuple[str, str, str | None]) -> None:
    """Raise what the index process reported as the error it was there."""
    name, message, hint = error
    kind = getattr(errors, name, errors.CoreError) if name in errors.__all__ else errors.CoreError
    raise kind(message, hint=hint)


def encode_filter(filter: Filter | None) -> WireFilter | None:
    if filter is None:
        return None
    return WireFilter(
        [_encode_condition(condition) for condition in filter.must],
        [_encode_condition(condition) for condition in filter.must_not],
        None if filter.ids is None else [point_uuid(string_id) for string_id in filter.ids],
    )


def _encode_condition(condition: Match | Range) -> WireMatch | WireRange:
    if isinstance(condition, Match):
        return WireMatch(condition.key, list(condition.values))
    return WireRange(condition.key, condition.gte, condition.lte)


def encode_payload(string_id: str, payload: Mapping[str, Any]) -> msgspec.Raw:
    """The payload as msgpack, with its `id`.

    Raises:
        InvalidInput: It holds what JSON cannot say, or its `id` is not the point's.
    """
    if payload.get("id", string_id) != string_id:
        raise errors.InvalidInput(f"the payload of {string_id!r} says its id is {payload['id']!r}")
    try:
        return msgspec.Raw(_ENCODER.encode({**payload, "id": string_id}))
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        raise errors.InvalidInput(
            f"the payload of {string_id!r} cannot be stored: {error}",
            hint="Payloads hold strings, numbers, booleans, None, and lists and mappings of these.",
        ) from error


def split_upsert(points: Sequence[Point], spec: CollectionSpec) -> list[Mapping[int, Any] | list[Any]]:
    """Check the points against the collection and cut them into messages that each fit one Edge call.

    Raises:
        InvalidInput: A vector is missing, is not allowed here, has another dimension, or is not finite. Nothing was sent.
    """
    payloads = [_checked_payload(point, spec) for point in points]
    messages: list[Mapping[int, Any] | list[Any]] = []
    batch: list[int] = []
    size_bytes = 0
    for position, payload in enumerate(payloads):
        batch.append(position)
        sentences = points[position].sentences
        size_bytes += len(bytes(payload)) + 4 * spec.dim * (1 + (0 if sentences is None else len(sentences)))
        if len(batch) == MAX_POINTS_PER_FRAME or size_bytes >= _FRAME_TARGET_BYTES:
            messages.append(_upsert_message([points[i] for i in batch], [payloads[i] for i in batch], spec))
            batch, size_bytes = [], 0
    if batch:
        messages.append(_upsert_message([points[i] for i in batch], [payloads[i] for i in batch], spec))
    return messages


def _checked_payload(point: Point, spec: CollectionSpec) -> msgspec.Raw:
    if not point.id:
        raise errors.InvalidInput("a point has an empty id")
    _check_rows(point.id, "dense", point.dense, (spec.dim,))
    if spec.sentences != (point.sentences is not None):
        wanted = "needs sentence vectors" if spec.sentences else "takes no sentence vectors"
        raise errors.InvalidInput(f"the collection {spec.name!r} {wanted}: see the point {point.id!r}")
    if point.sentences is not None:
        if point.sentences.ndim != 2 or not len(point.sentences):
            raise errors.InvalidInput(f"the sentences of {point.id!r} have the shape {point.sentences.shape}")
        _check_rows(point.id, "sentences", point.sentences, (len(point.sentences), spec.dim))
    if point.bm25 is not None:
        if not spec.bm25:
            raise errors.InvalidInput(f"the collection {spec.name!r} takes no bm25 vectors: see the point {point.id!r}")
        _check_sparse(point.id, point.bm25)
    return encode_payload(point.id, point.payload)


def _check_rows(string_id: str, name: str, rows: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if rows.shape != shape:
        raise errors.InvalidInput(
            f"the {name} vector of {string_id!r} has the shape {rows.shape}, the collection takes {shape}",
            hint="Vectors of another model cannot be mixed in: run `lumina reindex` after changing the embedder.",
        )
    if not np.isfinite(rows).all():
        raise errors.InvalidInput(f"the {name} vector of {string_id!r} holds NaN or infinity")


def _check_sparse(string_id: str, sparse: SparseVector) -> None:
    indices, values = sparse.indices, sparse.values
    if indices.ndim != 1 or indices.shape != values.shape:
        raise errors.InvalidInput(f"the bm25 vector of {string_id!r} has {indices.shape} terms, {values.shape} weights")
    if len(indices) and (np.any(indices[1:] <= indices[:-1]) or not np.isfinite(values).all()):
        raise errors.InvalidInput(f"the bm25 vector of {string_id!r} has unsorted terms or weights that are not finite")


def _upsert_message(points: Sequence[Point], payloads: Sequence[msgspec.Raw], spec: CollectionSpec) -> list[Any]:
    sentences = [point.sentences for point in points if point.sentences is not None]
    terms = [point.bm25 for point in points if point.bm25 is not None]
    return [
        [point_uuid(point.id) for point in points],
        payloads,
        spec.dim,
        _float_bytes(np.stack([point.dense for point in points])),
        _float_bytes(np.concatenate(sentences)) if sentences else b"",
        [0 if point.sentences is None else len(point.sentences) for point in points],
        np.concatenate([each.indices for each in terms]).astype("<u4").tobytes() if terms else b"",
        _float_bytes(np.concatenate([each.values for each in terms])) if terms else b"",
        [-1 if point.bm25 is None else len(point.bm25.indices) for point in points],
    ]


def _float_bytes(array: NDArray[Any]) -> bytes:
    return array.astype("<f4", copy=False).tobytes()


def encode_query(query: Query) -> QueryColumns:
    """Raises `InvalidInput` for a search that no collection could run."""
    if query.limit < 1:
        raise errors.InvalidInput(f"a search needs a limit of at least 1, not {query.limit}")
    payload = None if query.payload is None else list(query.payload)
    wire_filter = encode_filter(query.filter)
    if isinstance(query.vector, SparseVector):
        _check_sparse("the query", query.vector)
        weights, indices = query.vector.values, query.vector.indices.astype("<u4").tobytes()
        return QueryColumns(query.using, _float_bytes(weights), indices, query.limit, wire_filter, query.exact, payload)
    if query.vector.ndim != 1 or not np.isfinite(query.vector).all():
        raise errors.InvalidInput(f"a query vector of shape {query.vector.shape} that must be (dim,) and finite")
    return QueryColumns(query.using, _float_bytes(query.vector), None, query.limit, wire_filter, query.exact, payload)


def decode_hits(hits: Hits) -> list[StoreHit]:
    if hits.payloads is None:
        return [StoreHit(string_id, score) for string_id, score in zip(hits.ids, hits.scores, strict=True)]
    return [
        StoreHit(string_id, score, payload)
        for string_id, score, payload in zip(hits.ids, hits.scores, hits.payloads, strict=True)
    ]


def decode_records(columns: RecordColumns) -> list[Record]:
    """The records in the order they were sent. Their arrays are read-only views of the message."""
    count = len(columns.ids)
    dense: Sequence[NDArray[np.float32] | None] = [None] * count
    if columns.dense is not None:
        dense = list(np.frombuffer(columns.dense, "<f4").reshape(count, columns.dim))
    sentences: Sequence[NDArray[np.float32] | None] = [None] * count
    if columns.sentences is not None and columns.sentence_counts is not None:
        rows = np.frombuffer(columns.sentences, "<f4").reshape(-1, columns.dim)
        sentences = [part if len(part) else None for part in _parts(rows, columns.sentence_counts)]
    bm25: Sequence[SparseVector | None] = [None] * count
    if columns.term_indices is not None and columns.term_values is not None and columns.term_counts is not None:
        lengths = [max(length, 0) for length in columns.term_counts]
        indices = _parts(np.frombuffer(columns.term_indices, "<u4"), lengths)
        values = _parts(np.frombuffer(columns.term_values, "<f4"), lengths)
        bm25 = [
            SparseVector(terms, weights) if length >= 0 else None
            for length, terms, weights in zip(columns.term_counts, indices, values, strict=True)
        ]
    return [
        Record(string_id, payload, dense=dense[i], sentences=sentences[i], bm25=bm25[i])
        for i, (string_id, payload) in enumerate(zip(columns.ids, columns.payloads, strict=True))
    ]


def _parts(rows: NDArray[Any], counts: Sequence[int]) -> list[NDArray[Any]]:
    return np.split(rows, np.cumsum(counts)[:-1]) if counts else []
