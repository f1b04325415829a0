from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from lumina_core.drivers.vector_store import CollectionSpec, Point, Query
from lumina_core.drivers.vector_stores import edge_names
from lumina_core.drivers.vector_stores.edge_collection import Collection
from lumina_core.drivers.vector_stores.edge_wire import UpsertColumns, encode_queries, split_upsert
from lumina_core.drivers.vector_stores.edge_wire import frame as encode  # the same encoder the socket uses


def test_hits_are_named_rightly_however_few_names_are_kept_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_names, "_MOST", 10)
    spec = CollectionSpec("c", 4, bm25=False)
    collection = Collection.create(tmp_path, spec)
    vectors = np.random.default_rng(3).standard_normal((64, 4)).astype(np.float32)
    for message in split_upsert([Point(f"p{i}", vectors[i], {}) for i in range(64)], spec):
        collection.upsert(msgspec.msgpack.decode(encode(message)[4:], type=UpsertColumns))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    for asked, limit in ((0, 5), (1, 64), (0, 8), (2, 20), (1, 64)):
        (hits,) = collection.query(encode_queries([Query("dense", vectors[asked], limit, exact=True)]))
        nearest = np.argsort(-(unit @ unit[asked]))[:limit]
        assert hits.ids == [f"p{i}" for i in nearest]
    collection.close()
