"""Points and filters between the wire and the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import Filter, Match, Range, StoreHit
from lumina_core.errors import InvalidInput
from lumina_sdk.contract import FoundPoint, PointFilter

__all__ = ["filter_in", "found_out", "vector_in"]


def vector_in(values: tuple[float, ...], dim: int, what: str) -> NDArray[np.float32]:
    """Raises `InvalidInput` for what has another dimension, or no direction."""
    if len(values) != dim:
        raise InvalidInput(
            f"the vector of {what} has {len(values)} dimensions, the collection {dim}",
            hint="Embed with the model the collection was made for.",
        )
    vector = np.asarray(values, dtype=np.float32)
    if not np.isfinite(vector).all() or not vector.any():
        raise InvalidInput(f"the vector of {what} has no direction", hint="It must be finite, and not all zeros.")
    return vector


def filter_in(wanted: PointFilter | None, *, owner: str | None = None) -> Filter | None:
    """`owner`: only points that belong to this principal."""
    must: list[Match | Range] = [Match("owner", (owner,))] if owner is not None else []
    for key, value in (wanted.match if wanted is not None else {}).items():
        values = value if isinstance(value, tuple) else (value,)
        numbers = [one for one in values if isinstance(one, float)]
        if numbers and len(values) > 1:
            raise InvalidInput(
                f"the filter {key!r} lists numbers with fractions", hint="Name one such number, or whole ones."
            )
        if numbers:
            must.append(Range(key, gte=numbers[0], lte=numbers[0]))
        else:
            must.append(Match(key, tuple(one for one in values if not isinstance(one, float))))
    return Filter(must=tuple(must)) if must else None


def found_out(hit: StoreHit, vector: tuple[float, ...] | None) -> FoundPoint:
    return FoundPoint(id=hit.id, score=round(hit.score, 6), payload=_payload(hit.payload), vector=vector)


def _payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name != "id"}
