"""One collection as the index process holds it: a directory with its specification and the shard in use.

<collection>/spec.json          its vectors and payload indexes
<collection>/CURRENT            the name of the generation in use; replaced atomically
<collection>/shard-000001/      that generation, an Edge shard
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psutil
import qdrant_edge as qe

from lumina_core.drivers.vector_store import CollectionSpec
from lumina_core.drivers.vector_stores import edge_requests
from lumina_core.drivers.vector_stores.edge_names import PointNames
from lumina_core.drivers.vector_stores.edge_wire import (
    Hits,
    QueryBatch,
    RecordColumns,
    UpsertColumns,
    WireFilter,
)
from lumina_core.errors import Conflict, CoreError, InvalidInput, StorageFull

__all__ = [
    "Collection",
    "atomic_write",
    "read_ahead",
    "sync_directory",
    "sync_tree",
    "unreadable",
    "write_beside",
    "write_indexed_points",
]

_SPEC = "spec.json"
_CURRENT = "CURRENT"
_UNFINISHED = "UNFINISHED"
_NAMES = "names"
_INDEXED = "indexed-points"
_WALKED = frozenset(
    {"quantized.data", "links_compressed.bin", "graph.bin", "inverted_index.dat", "id_tracker.mappings"}
)
_SEARCHED = frozenset({".dat", ".mmap", ".data", ".bin"})
_READ_AHEAD_SHARE = 0.25


class Collection:
    """The operations of the protocol on one shard, in wire types. Each call holds the interpreter until it is done."""

    def __init__(
        self, path: Path, spec: CollectionSpec, shard: qe.EdgeShard, generation: str, names: PointNames | None = None
    ) -> None:
        self.path = path
        self.spec = spec
        self.shard = shard
        self.generation = generation
        self.indexed_points = _read_indexed_points(path / generation)
        self.names = names or PointNames(path / _NAMES)

    @classmethod
    def create(cls, root: Path, spec: CollectionSpec) -> Collection:
        """Make the collection; a crash leaves it marked as unfinished."""
        path, generation = root / spec.name, "shard-000001"
        path.mkdir()
        unfinished = path / _UNFINISHED
        unfinished.touch()
        (path / generation).mkdir()
        with _translated(spec.name):
            shard = qe.EdgeShard.create(str(path / generation), edge_requests.edge_config(spec))
            _create_indexes(shard, spec.keyword_fields, spec.number_fields)
            shard.flush()
        atomic_write(path / _SPEC, msgspec.json.encode(spec))
        atomic_write(path / _CURRENT, generation.encode())
        unfinished.unlink()
        sync_directory(root)
        return cls(path, spec, shard, generation)

    @staticmethod
    def is_unfinished(path: Path) -> bool:
        """Whether making it was interrupted: nothing was ever acknowledged in it."""
        return (path / _UNFINISHED).exists()

    @classmethod
    def open(cls, path: Path) -> Collection:
        """Load the generation in use and remove what an interrupted optimisation left behind.

        Raises:
            CoreError: The files cannot be read. The log still holds everything: the hint says how to rebuild them.
        """
        try:
            spec = msgspec.json.decode((path / _SPEC).read_bytes(), type=CollectionSpec)
            generation = (path / _CURRENT).read_text().strip()
        except (OSError, msgspec.DecodeError) as error:
            raise unreadable(path.name, error) from error
        for other in path.iterdir():
            if other.is_dir() and other.name != generation:
                shutil.rmtree(other)
            elif other.suffix in {".tmp", ".journal"}:
                other.unlink()
        if not (path / generation / "segments").is_dir():
            raise unreadable(path.name, f"{generation} is missing")
        read_ahead(path / generation)
        return cls.load(path, spec, generation)

    @classmethod
    def load(cls, path: Path, spec: CollectionSpec, generation: str, names: PointNames | None = None) -> Collection:
        """Load a generation. Nothing else runs meanwhile: `read_ahead` makes that short."""
        with _translated(path.name):
            shard = qe.EdgeShard.load(str(path / generation))
        return cls(path, spec, shard, generation, names)

    @property
    def shard_path(self) -> Path:
        return self.path / self.generation

    def ensure(self, spec: CollectionSpec) -> None:
        """Add payload indexes that are asked for and missing; the vectors must be the same."""
        mine = self.spec
        if (mine.dim, mine.sentences, mine.bm25) != (spec.dim, spec.sentences, spec.bm25):
            raise Conflict(
                f"the collection {spec.name!r} holds other vectors: "
                f"dim {mine.dim}, sentences {mine.sentences}, bm25 {mine.bm25}",
                hint="Run `lumina reindex` to rebuild it.",
            )
        keywords = tuple(key for key in spec.keyword_fields if key not in mine.keyword_fields)
        numbers = tuple(key for key in spec.number_fields if key not in mine.number_fields)
        if not keywords and not numbers:
            return
        with _translated(spec.name):
            _create_indexes(self.shard, keywords, numbers)
            self.shard.flush()
        self.spec = replace(
            mine, keyword_fields=mine.keyword_fields + keywords, number_fields=mine.number_fields + numbers
        )
        atomic_write(self.path / _SPEC, msgspec.json.encode(self.spec))

    def upsert(self, columns: UpsertColumns) -> None:
        points = edge_requests.edge_points(columns, self.spec)
        with _translated(self.spec.name):
            self.shard.update(qe.UpdateOperation.upsert_points(points))
        self.names.learn(
            (int(uuid.replace("-", ""), 16), payload["id"])
            for uuid, payload in zip(columns.uuids, columns.payloads, strict=True)
        )

    def delete(self, filter: WireFilter) -> None:
        with _translated(self.spec.name):
            if filter.ids is not None and not filter.must and not filter.must_not:
                self.shard.update(qe.UpdateOperation.delete_points(list(filter.ids)))
            else:
                edge_filter = edge_requests.edge_filter(filter) or qe.Filter()
                self.shard.update(qe.UpdateOperation.delete_points_by_filter(edge_filter))

    def set_payload(self, payloads: dict[Any, dict[str, Any]]) -> None:
        """Unknown points are left out first: Edge refuses the whole operation for them."""
        with _translated(self.spec.name):
            known = self.shard.retrieve(list(payloads), with_payload=False, with_vector=False)
            for record in known:
                point_id = str(record.id)
                self.shard.update(qe.UpdateOperation.set_payload([point_id], payloads[point_id]))

    def query(self, batch: QueryBatch) -> list[Hits]:
        requests = edge_requests.edge_queries(batch, self.spec)
        with _translated(self.spec.name):
            if len(requests) == 1:
                results = [self.shard.query(requests[0])]
            else:
                results = self.shard.query_batch(qe.QueryBatchRequest(requests))
            return [
                edge_requests.hits_of(hits, query.payload, self._string_ids)
                for hits, query in zip(results, batch.queries, strict=True)
            ]

    def _string_ids(self, uuids: list[UUID]) -> list[str]:
        """The string ids of points there are."""
        names = self.names.of(uuids)
        unknown: list[Any] = [uuid for uuid, name in zip(uuids, names, strict=True) if name is None]
        read: dict[int, str] = {}
        if unknown:
            for record in self.shard.retrieve(unknown, with_payload=["id"], with_vector=False):
                read[record.id.int] = (record.payload or {})["id"]  # type: ignore[union-attr]  # we make UUIDs only
            self.names.learn(read.items())
        return [name if name is not None else read[uuid.int] for uuid, name in zip(uuids, names, strict=True)]

    def retrieve(self, uuids: list[Any], fields: list[str] | None, vectors: list[str]) -> RecordColumns:
        with _translated(self.spec.name):
            records = self.shard.retrieve(
                uuids,
                with_payload=edge_requests.payload_selector(fields),
                with_vector=vectors or False,
            )
        return edge_requests.records_of(records, fields, vectors, self.spec.dim)

    def scroll(
        self, filter: WireFilter | None, limit: int, after: str | None, fields: list[str] | None
    ) -> tuple[RecordColumns, str | None]:
        with _translated(self.spec.name):
            records, following = self.shard.scroll(
                qe.ScrollRequest(
                    offset=after,
                    limit=limit,
                    filter=edge_requests.edge_filter(filter),
                    with_payload=edge_requests.payload_selector(fields),
                    with_vector=False,
                )
            )
        columns = edge_requests.records_of(records, fields, (), self.spec.dim)
        return columns, None if following is None else str(following)

    def count(self, filter: WireFilter | None) -> int:
        with _translated(self.spec.name):
            return self.shard.count(qe.CountRequest(exact=True, filter=edge_requests.edge_filter(filter)))

    def put_in_use(self, other: Collection) -> None:
        """Work on the other's shard from now on. The caller closes the one used so far."""
        self.shard = other.shard
        self.generation = other.generation
        self.indexed_points = other.indexed_points

    def flush(self) -> None:
        """Write every change to its place and empty the write-ahead log."""
        with _translated(self.spec.name):
            self.shard.flush()

    def close(self) -> None:
        self.shard.close()
        self.names.close()


class _translated:  # noqa: N801 — reads as the verb it is
    """Turns what Edge raises, a bare `Exception` with a text, into our errors."""

    def __init__(self, collection: str) -> None:
        self._collection = collection

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if error is None or isinstance(error, CoreError) or not isinstance(error, Exception):
            return
        text = str(error)
        lowered = text.lower()
        if "no space left" in lowered or "os error 28" in lowered or "enospc" in lowered:
            raise StorageFull(
                f"the disk is full: {self._collection!r} took no more", hint="Free some space and try again."
            ) from error
        if isinstance(error, (TypeError, ValueError)) or any(
            word in lowered for word in ("wrong input", "validation", "dimension", "not existing vector", "bad request")
        ):
            raise InvalidInput(f"the index refused the request on {self._collection!r}: {text}") from error
        raise unreadable(self._collection, text) from error


def write_indexed_points(shard_path: str | Path, points: int) -> None:
    """Note beside an optimised shard how many points its ANN index covers: Edge's own count mixes all vectors."""
    atomic_write(Path(shard_path) / _INDEXED, str(points).encode())


def _read_indexed_points(shard_path: Path) -> int:
    try:
        return int((shard_path / _INDEXED).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def unreadable(collection: str, why: object) -> CoreError:
    return CoreError(
        f"the index files of {collection!r} cannot be used: {why}",
        hint="The log still holds everything: run `lumina reindex` to rebuild the index.",
    )


def _create_indexes(shard: qe.EdgeShard, keywords: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    for key in keywords:
        params = qe.KeywordIndexParams(memory=qe.Memory.Cold)
        shard.update(qe.UpdateOperation.create_field_index(key, params))
    for key in numbers:
        shard.update(qe.UpdateOperation.create_field_index(key, qe.FloatIndexParams(memory=qe.Memory.Cold)))


def atomic_write(path: Path, content: bytes) -> None:
    """Replace the file so that a crash leaves the old content or the new."""
    write_beside(path, content).replace(path)
    sync_directory(path.parent)


def write_beside(path: Path, content: bytes) -> Path:
    """The slow part of `atomic_write`: what is left is to put the file returned in place and sync the directory."""
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return beside


def read_ahead(shard_path: Path, *, everything: bool = False) -> None:
    """Bring what a shard loads and every search walks through into the page cache, or everything a search may touch,
    unless that would take much of the free memory. Lets other threads run.

    Edge maps its files for random access and waits for the disk once a page; these are long reads. And it drops the
    cached pages of a shard that it closes, also those of hard links that another shard goes on using.
    """
    files = [Path(folder) / name for folder, _, names in os.walk(shard_path / "segments") for name in names]
    if everything:
        files = [path for path in files if path.suffix in _SEARCHED]
        with contextlib.suppress(FileNotFoundError):
            if sum(path.stat().st_size for path in files) > _READ_AHEAD_SHARE * psutil.virtual_memory().available:
                return
    else:
        files = [path for path in files if path.name in _WALKED]
    for path in files:
        with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
            while file.read(1024 * 1024):
                pass


def sync_directory(path: Path) -> None:
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """Write every file below to the disk, what was changed through memory maps included. Lets other threads run."""
    for folder, _, names in os.walk(path):
        with contextlib.suppress(FileNotFoundError):  # Edge may remove files meanwhile
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    _sync(Path(folder) / name, os.O_RDONLY)
            sync_directory(Path(folder))
