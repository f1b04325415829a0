"""Our points, filters and records in the words of `qdrant-client`, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from lumina_core.drivers.vector_store import (
    Comparison,
    Filter,
    Match,
    Point,
    Range,
    Record,
    SparseVector,
    StoreHit,
    point_uuid,
)

__all__ = ["comparison_of", "hit_of", "payload_selector", "point_struct", "record_of", "server_filter"]


def payload_selector(fields: tuple[str, ...] | None) -> bool | list[str]:
    return True if fields is None else ["id", *fields]


def point_struct(point: Point) -> models.PointStruct:
    vectors: dict[str, Any] = {"dense": point.dense.tolist()}
    if point.sentences is not None:
        vectors["sentences"] = point.sentences.tolist()
    if point.bm25 is not None:
        vectors["bm25"] = models.SparseVector(indices=point.bm25.indices.tolist(), values=point.bm25.values.tolist())
    return models.PointStruct(id=point_uuid(point.id), vector=vectors, payload={**point.payload, "id": point.id})


def server_filter(filter: Filter | None) -> models.Filter | None:
    if filter is None:
        return None
    must: list[Any] = [_condition(condition) for condition in filter.must]
    if filter.ids is not None:
        must.append(models.HasIdCondition(has_id=[point_uuid(string_id) for string_id in filter.ids]))
    return models.Filter(must=must, must_not=[_condition(condition) for condition in filter.must_not])


def _condition(condition: Match | Range) -> Any:
    if isinstance(condition, Range):
        return models.FieldCondition(key=condition.key, range=models.Range(gte=condition.gte, lte=condition.lte))
    if not condition.values:
        return models.HasIdCondition(has_id=[])
    return models.Filter(
        should=[
            models.FieldCondition(key=condition.key, match=models.MatchValue(value=value)) for value in condition.values
        ]
    )


def hit_of(point: models.ScoredPoint, fields: tuple[str, ...] | None) -> StoreHit:
    payload = dict(point.payload or {})
    return StoreHit(payload["id"], point.score, _asked_for(payload, fields))


def record_of(point: models.Record, fields: tuple[str, ...] | None, vectors: Sequence[str]) -> Record:
    payload = dict(point.payload or {})
    record = Record(payload["id"], _asked_for(payload, fields))
    named: Any = point.vector if isinstance(point.vector, dict) else {}
    if "dense" in vectors:
        record = replace(record, dense=np.asarray(named["dense"], np.float32))
    if "sentences" in vectors and "sentences" in named:
        record = replace(record, sentences=np.asarray(named["sentences"], np.float32))
    if "bm25" in vectors and "bm25" in named:
        order = np.argsort(named["bm25"].indices)
        indices = np.asarray(named["bm25"].indices, np.uint32)[order]
        record = replace(record, bm25=SparseVector(indices, np.asarray(named["bm25"].values, np.float32)[order]))
    return record


def comparison_of(records: Sequence[Record], vector: NDArray[np.float32]) -> Comparison:
    """The records, with their vectors, beside a unit vector. Vectors of a cosine collection have length 1."""
    sentences = [record.sentences for record in records if record.sentences is not None]
    none = np.empty(0, np.float32)
    return Comparison(
        tuple(record.id for record in records),
        np.stack([record.dense for record in records if record.dense is not None]) @ vector if records else none,
        np.array([0 if record.sentences is None else len(record.sentences) for record in records], np.int64),
        np.concatenate(sentences) @ vector if sentences else none,
        [record.payload for record in records],
    )


def _asked_for(payload: dict[str, Any], fields: tuple[str, ...] | None) -> dict[str, Any]:
    if fields is not None and "id" not in fields:
        payload.pop("id", None)
    return payload
