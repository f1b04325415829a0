"""What every vector store refuses before it sends anything, with the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import CollectionSpec, Point, Query, SparseVector
from lumina_core.errors import InvalidInput

__all__ = ["check_payload_id", "check_point", "check_query", "check_query_fits", "check_vector"]

_OTHER_MODEL = "Vectors of another model cannot be mixed in: run `lumina reindex` after changing the embedder."


def check_point(point: Point, spec: CollectionSpec) -> None:
    """Raise `InvalidInput` unless the point has the vectors of the collection, of its dimension, all finite."""
    if not point.id:
        raise InvalidInput("a point has an empty id")
    check_payload_id(point.id, point.payload)
    _check_rows(point.id, "dense", point.dense, (spec.dim,))
    if spec.sentences != (point.sentences is not None):
        wanted = "needs sentence vectors" if spec.sentences else "takes no sentence vectors"
        raise InvalidInput(f"the collection {spec.name!r} {wanted}: see the point {point.id!r}")
    if point.sentences is not None:
        if point.sentences.ndim != 2 or not len(point.sentences):
            raise InvalidInput(f"the sentences of {point.id!r} have the shape {point.sentences.shape}")
        _check_rows(point.id, "sentences", point.sentences, (len(point.sentences), spec.dim))
    if point.bm25 is not None:
        if not spec.bm25:
            raise InvalidInput(f"the collection {spec.name!r} takes no bm25 vectors: see the point {point.id!r}")
        _check_sparse(f"the bm25 vector of {point.id!r}", point.bm25)


def check_payload_id(string_id: str, payload: Mapping[str, Any]) -> None:
    if payload.get("id", string_id) != string_id:
        raise InvalidInput(f"the payload of {string_id!r} says its id is {payload['id']!r}")


def check_query(query: Query) -> None:
    """Raise `InvalidInput` for a search no collection could run."""
    if query.limit < 1:
        raise InvalidInput(f"a search needs a limit of at least 1, not {query.limit}")
    if isinstance(query.vector, SparseVector):
        _check_sparse("the query", query.vector)
    else:
        check_vector(query.vector)


def check_vector(vector: NDArray[np.float32]) -> None:
    """Raise `InvalidInput` unless this is one vector of numbers."""
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise InvalidInput(f"a query vector must be (dim,) and finite; this one has the shape {vector.shape}")


def check_query_fits(using: str, dim: int | None, spec: CollectionSpec) -> None:
    """Raise `InvalidInput` where the collection has no such vector, or one of another dimension.

    Args:
        dim: The length of a dense query vector; None for a sparse one.
    """
    known = ["dense", *(["sentences"] if spec.sentences else []), *(["bm25"] if spec.bm25 else [])]
    if using not in known:
        raise InvalidInput(f"the collection {spec.name!r} has no vector {using!r}", hint=f"It has {', '.join(known)}.")
    if (dim is None) != (using == "bm25"):
        raise InvalidInput(f"{using!r} cannot be searched with a vector of that kind")
    if dim is not None and dim != spec.dim:
        raise InvalidInput(
            f"the query vector has {dim} dimensions, the collection {spec.name!r} has {spec.dim}", hint=_OTHER_MODEL
        )


def _check_rows(string_id: str, name: str, rows: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if rows.shape != shape:
        raise InvalidInput(
            f"the {name} vector of {string_id!r} has the shape {rows.shape}, the collection takes {shape}",
            hint=_OTHER_MODEL,
        )
    if not np.isfinite(rows).all():
        raise InvalidInput(f"the {name} vector of {string_id!r} holds NaN or infinity")


def _check_sparse(what: str, sparse: SparseVector) -> None:
    indices, values = sparse.indices, sparse.values
    if indices.ndim != 1 or indices.shape != values.shape:
        raise InvalidInput(f"{what} has {indices.shape} terms and {values.shape} weights")
    if len(indices) and (np.any(indices[1:] <= indices[:-1]) or not np.isfinite(values).all()):
        raise InvalidInput(f"{what} has terms out of order or weights that are not finite")
