"""What travels between a client and the index process: one frame, a 4-byte length and a msgpack value.

Vectors travel as the raw bytes of their arrays (float32, little-endian, C order), column by column, so that neither
side walks them in Python. Filters and point ids are translated here once: beyond this a point is known by its UUID.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lumina_core import errors
from lumina_core.drivers.vector_store import (
    CollectionSpec,
    Comparison,
    Filter,
    Match,
    Point,
    Query,
    Range,
    Record,
    SparseVector,
    StoreHit,
)
from lumina_core.drivers.vector_stores.checks import check_payload_id, check_point, check_query

__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_POINTS_PER_FRAME",
    "CompareColumns",
    "Hits",
    "QueryBatch",
    "QueryColumns",
    "RecordColumns",
    "Reply",
    "Request",
    "UpsertColumns",
    "WireFilter",
    "WireMatch",
    "WireRange",
    "decode_comparison",
    "decode_hits",
    "decode_records",
    "decode_reply",
    "decode_request",
    "encode_error",
    "encode_filter",
    "encode_payload",
    "encode_queries",
    "frame",
    "raise_error",
    "split_frames",
    "split_upsert",
    "uuid_bytes",
    "uuid_number",
    "uuid_text",
]

MAX_POINTS_PER_FRAME = 32
"""What one Edge call writes. That takes 5 to 10 ms in which nothing else runs: it is what a query may have to wait."""

MAX_FRAME_BYTES = 256 * 1024 * 1024
_FRAME_TARGET_BYTES = 4 * 1024 * 1024
_LENGTH = struct.Struct("<I")
_NAMESPACE = uuid.UUID("6c756d69-6e61-5000-8000-000000000001").bytes


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
    """Points by column. The sentences and terms of a point are the next `…_counts[i]` rows; -1 terms: it has none."""

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
    """One search; `vector` holds float32, for a sparse one the weights of `indices` (uint32).

    `filter` counts from 0 in the filters of the batch, where searches through the same points share one.
    """

    using: str
    vector: bytes
    indices: bytes | None
    limit: int
    filter: int | None
    exact: bool
    payload: list[str] | None


class QueryBatch(msgspec.Struct, array_like=True):
    """Searches that travel together."""

    queries: list[QueryColumns]
    filters: list[WireFilter]


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


class CompareColumns(msgspec.Struct, array_like=True):
    """What `compare` found, by column: positions in the ids asked for, how many vectors each point has, the dense one
    first, and the cosines (float32) of all of them; payloads as mappings, or as msgpack on their way."""

    found: list[int]
    counts: list[int]
    cosines: bytes
    payloads: list[Any]


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


def uuid_text(string_id: str) -> str:
    """`point_uuid`, ten times as fast: a filter of 200 ids is translated for every search."""
    digest = hashlib.sha1(_NAMESPACE + string_id.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def uuid_number(string_id: str) -> int:
    """The 128 bits of `point_uuid`."""
    number = int(
        hashlib.sha1(_NAMESPACE + string_id.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:32], 16
    )
    return number & ~(0xF000 << 64 | 0xC << 60) | 0x5000 << 64 | 0x8 << 60


def uuid_bytes(string_id: str) -> bytes:
    """The 16 bytes of `point_uuid`."""
    return uuid_number(string_id).to_bytes(16, "big")


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
        None if filter.ids is None else [uuid_text(string_id) for string_id in filter.ids],
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
    check_payload_id(string_id, payload)
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
        InvalidInput: A vector is missing, not allowed here, of another dimension, or not finite. Nothing was sent.
    """
    for point in points:
        check_point(point, spec)
    payloads = [encode_payload(point.id, point.payload) for point in points]
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


def _upsert_message(points: Sequence[Point], payloads: Sequence[msgspec.Raw], spec: CollectionSpec) -> list[Any]:
    sentences = [point.sentences for point in points if point.sentences is not None]
    terms = [point.bm25 for point in points if point.bm25 is not None]
    return [
        [uuid_text(point.id) for point in points],
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


def encode_queries(queries: Sequence[Query]) -> QueryBatch:
    """Raises `InvalidInput` for a search that no collection could run."""
    filters: list[WireFilter] = []
    places: dict[int, int] = {}  # by identity: translating the ids of a filter is what takes long
    columns = []
    for query in queries:
        place = None
        if query.filter is not None:
            place = places.setdefault(id(query.filter), len(filters))
            if place == len(filters):
                filters += [each for each in [encode_filter(query.filter)] if each is not None]
        columns.append(_encode_query(query, place))
    return QueryBatch(columns, filters)


def _encode_query(query: Query, filter: int | None) -> QueryColumns:
    check_query(query)
    payload = None if query.payload is None else list(query.payload)
    if isinstance(query.vector, SparseVector):
        weights, indices = query.vector.values, query.vector.indices.astype("<u4").tobytes()
        return QueryColumns(query.using, _float_bytes(weights), indices, query.limit, filter, query.exact, payload)
    return QueryColumns(query.using, _float_bytes(query.vector), None, query.limit, filter, query.exact, payload)


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


def decode_comparison(ids: Sequence[str], parts: Sequence[CompareColumns], fields: Collection[str]) -> Comparison:
    """Put the parts together, in the order of the ids, with no payload fields but these."""
    found = np.concatenate([np.array(part.found, np.int64) for part in parts])
    counts = np.concatenate([np.array(part.counts, np.int64) for part in parts])
    cosines = np.concatenate([np.frombuffer(part.cosines, "<f4") for part in parts])
    payloads = [payload for part in parts for payload in part.payloads]
    starts = np.cumsum(counts) - counts
    if np.any(found[1:] < found[:-1]):  # what the forward index did not know comes behind the rest
        order = np.argsort(found)
        rows = [cosines[starts[place] : starts[place] + counts[place]] for place in order]
        found, counts, cosines = found[order], counts[order], np.concatenate(rows)
        payloads = [payloads[place] for place in order]
        starts = np.cumsum(counts) - counts
    is_sentence = np.ones(len(cosines), np.bool_)
    is_sentence[starts] = False
    if any(payload.keys() - fields for payload in payloads[:1]):
        payloads = [{key: value for key, value in payload.items() if key in fields} for payload in payloads]
    return Comparison(
        tuple(ids[place] for place in found.tolist()), cosines[starts], counts - 1, cosines[is_sentence], payloads
    )


def _parts(rows: NDArray[Any], counts: Sequence[int]) -> list[NDArray[Any]]:
    ends = list(accumulate(counts))
    return [rows[end - count : end] for end, count in zip(ends, counts, strict=True)]
