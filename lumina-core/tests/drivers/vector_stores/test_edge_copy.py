from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import qdrant_edge as qe

from lumina_core.drivers.vector_store import COLLECTIONS, Filter, Point, SparseVector
from lumina_core.drivers.vector_stores.edge_collection import Collection
from lumina_core.drivers.vector_stores.edge_copy import _frozen_files, copy_shard, copy_tree
from lumina_core.drivers.vector_stores.edge_requests import edge_config
from lumina_core.drivers.vector_stores.edge_wire import UpsertColumns, encode_filter, split_upsert, uuid_text
from lumina_core.drivers.vector_stores.edge_wire import frame as encode

_SPEC = next(spec for spec in COLLECTIONS if spec.name == "chunks")


def upsert(collection: Collection, numbers: range, version: int = 0) -> None:
    rng = np.random.default_rng(numbers.start + version)
    points = []
    for number in numbers:
        vectors = rng.standard_normal((4, _SPEC.dim)).astype(np.float32)
        terms = SparseVector(np.array([number % 7, 100 + number], np.uint32), np.array([1.0, 2.0], np.float32))
        payload = {"article": f"a{number // 10}", "source": "s", "ts": 1.0, "text": "word " * 200, "version": version}
        points.append(Point(f"p{number}", vectors[0], payload, sentences=vectors[1:], bm25=terms))
    for message in split_upsert(points, _SPEC):
        collection.upsert(msgspec.msgpack.decode(encode(message)[4:], type=UpsertColumns))


def state(paths: frozenset[Path]) -> dict[Path, tuple[int, str]]:
    return {path: (path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def optimised(tmp_path: Path) -> Collection:
    """A collection with an optimised segment and one that is appended to."""
    collection = Collection.create(tmp_path, _SPEC)
    upsert(collection, range(1200))
    collection.close()
    shard = qe.EdgeShard.load(str(collection.shard_path), edge_config(_SPEC))
    assert shard.optimize()
    shard.close()
    collection = Collection.open(collection.path)
    upsert(collection, range(1200, 1300))
    return collection


def test_the_files_that_are_linked_are_never_changed_whatever_is_done_to_the_collection(optimised: Collection) -> None:
    linked = _frozen_files(optimised.shard_path)
    before = state(linked)
    assert {path.name for path in linked} >= {"matrix.dat", "page_0.dat", "chunk_0.mmap", "inverted_index.dat"}

    upsert(optimised, range(100, 140), version=1)
    optimised.delete(encode_filter(Filter(ids=tuple(f"p{number}" for number in range(200, 240)))))
    optimised.set_payload({uuid_text(f"p{number}"): {"version": 2} for number in range(300, 340)})
    upsert(optimised, range(1250, 1400), version=1)
    optimised.flush()
    optimised.close()
    again = Collection.open(optimised.path)
    again.set_payload({uuid_text(f"p{number}"): {"text": "other " * 400} for number in range(400, 440)})
    again.flush()
    again.close()

    assert state(linked) == before


def test_optimising_a_copy_changes_no_file_of_the_shard_it_was_copied_from(
    optimised: Collection, tmp_path: Path
) -> None:
    optimised.flush()
    before = contents(optimised.shard_path)
    copy = tmp_path / "copy"

    copy_shard(optimised.shard_path, copy)
    copy_shard(optimised.shard_path, copy)
    shard = qe.EdgeShard.load(str(copy), edge_config(_SPEC))
    shard.update(qe.UpdateOperation.delete_points([uuid_text(f"p{number}") for number in range(600)]))
    assert shard.optimize()
    shard.close()

    assert contents(optimised.shard_path) == before
    assert optimised.count(None) == 1300
    optimised.close()


def test_a_second_run_makes_the_copy_what_the_shard_has_become(optimised: Collection, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_shard(optimised.shard_path, copy)
    (copy / "segments" / "nonsense").mkdir()
    (copy / "segments" / "nonsense" / "file").write_text("of a segment that has gone since")

    upsert(optimised, range(1190, 1500), version=1)
    optimised.delete(encode_filter(Filter(ids=("p3", "p1299"))))
    copy_shard(optimised.shard_path, copy)

    assert contents(copy) == contents(optimised.shard_path)
    expected = optimised.count(None)
    shard = qe.EdgeShard.load(str(copy))  # with what the write-ahead log holds: nothing was flushed
    assert shard.count(qe.CountRequest(exact=True)) == expected == 1498
    shard.close()
    optimised.close()


def test_a_copied_file_that_became_a_link_is_written_to_no_more(tmp_path: Path) -> None:
    shard, copy = tmp_path / "shard", tmp_path / "copy"
    (shard / "segments").mkdir(parents=True)
    copy.mkdir()
    (shard / "file").write_bytes(b"first")
    (copy / "file").hardlink_to(shard / "file")

    copy_shard(shard, copy)
    (copy / "file").write_bytes(b"other")

    assert (shard / "file").read_bytes() == b"first"


def test_holes_stay_holes(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    with (tmp_path / "from" / "file").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
        file.seek(32 * 1024 * 1024)
        file.write(b"data")

    copy_tree(tmp_path / "from", tmp_path / "to")

    assert (tmp_path / "to" / "file").read_bytes() == (tmp_path / "from" / "file").read_bytes()
    assert (tmp_path / "to" / "file").stat().st_blocks * 512 < 1024 * 1024
