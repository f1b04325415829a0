"""Qdrant Edge as a vector store: an index process of its own, spoken to over a private Unix socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.vector_store import (
    CollectionSpec,
    Comparison,
    Filter,
    Point,
    Query,
    Record,
    StoreHit,
    StoreInfo,
)
from lumina_core.drivers.vector_stores.checks import check_vector
from lumina_core.drivers.vector_stores.edge_client import EdgeClient
from lumina_core.drivers.vector_stores.edge_supervisor import EdgeSupervisor
from lumina_core.drivers.vector_stores.edge_wire import (
    MAX_POINTS_PER_FRAME,
    CompareColumns,
    Hits,
    RecordColumns,
    decode_comparison,
    decode_hits,
    decode_records,
    encode_filter,
    encode_payload,
    encode_queries,
    split_upsert,
    uuid_bytes,
    uuid_text,
)
from lumina_core.errors import InvalidInput

__all__ = ["EdgeStore"]

_MIN_FREE_BYTES = 128 * 1024 * 1024
_CALLS_AHEAD = 4
_OPTIMISE_TIMEOUT_S = 6 * 3600.0
_DELETE_TIMEOUT_S = 600.0


class EdgeStore:
    """The `VectorStore` on this machine. Make one with `start` (owns the process) or `connect` (uses another's).

    One store belongs to one event loop. After the process dies, calls in flight raise `VectorStoreDown` and later calls
    wait for its successor. A write that raised may have been done; all writes can be done again without harm.
    """

    def __init__(self, client: EdgeClient, supervisor: EdgeSupervisor | None) -> None:
        self._client = client
        self._supervisor = supervisor
        self._specs: dict[str, CollectionSpec] = {}
        self._specs_of_connection = 0

    @classmethod
    async def start(
        cls,
        path: Path,
        *,
        min_free_bytes: int = _MIN_FREE_BYTES,
        lock_patience_s: float = 10.0,
        command: Sequence[str] | None = None,
    ) -> Self:
        """Start the index process on that directory and connect to it.

        Args:
            path: The directory of the index, made if missing.
            min_free_bytes: Writes raise `StorageFull` while the disk has less room than this.
            lock_patience_s: How long to wait for a process of before that is still flushing.
            command: What to run instead of our index process; for tests that put faults in.

        Raises:
            Conflict: Another process owns this directory.
            VectorStoreDown: The process cannot start; the message says why.
        """
        supervisor = EdgeSupervisor(
            path, min_free_bytes=min_free_bytes, lock_patience_s=lock_patience_s, command=command
        )
        await supervisor.start()
        return cls(EdgeClient(supervisor.socket_path, why_down=lambda: supervisor.last_words), supervisor)

    @classmethod
    async def connect(cls, socket: Path, *, patience_s: float = 10.0) -> Self:
        """Use the index process of another store, by its `socket`. `close` then leaves that process alone."""
        return cls(EdgeClient(socket, patience_s=patience_s), None)

    @property
    def socket(self) -> Path:
        """What `connect` takes."""
        return self._client.socket_path

    @property
    def pid(self) -> int | None:
        """The index process, where we own it and it runs."""
        return self._supervisor.pid if self._supervisor else None

    @property
    def restarts(self) -> int:
        """How often the index process had to be started again."""
        return self._supervisor.restarts if self._supervisor else 0

    async def ensure(self, spec: CollectionSpec) -> None:
        await self._client.call("ensure", spec.name, spec, None, writes=True)
        self._specs.pop(spec.name, None)

    async def drop(self, collection: str) -> None:
        self._specs.pop(collection, None)
        await self._client.call("drop", collection, None, None, writes=True)

    async def upsert(self, collection: str, points: Sequence[Point]) -> None:
        messages = split_upsert(points, await self._spec(collection))
        await self._write("upsert", collection, messages)

    async def delete(self, collection: str, filter: Filter) -> None:
        args = encode_filter(filter)
        await self._client.call("delete", collection, args, None, writes=True, timeout_s=_DELETE_TIMEOUT_S)

    async def set_payload(self, collection: str, payloads: Mapping[str, Mapping[str, Any]]) -> None:
        encoded = [(uuid_text(key), encode_payload(key, fields)) for key, fields in payloads.items()]
        messages = [
            dict(encoded[start : start + MAX_POINTS_PER_FRAME])
            for start in range(0, len(encoded), MAX_POINTS_PER_FRAME)
        ]
        await self._write("set_payload", collection, messages)

    async def query(self, collection: str, queries: Sequence[Query]) -> list[list[StoreHit]]:
        if not queries:
            return []
        results = await self._client.call("query", collection, encode_queries(queries), list[Hits])
        return [decode_hits(hits) for hits in results]

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
        args = [[uuid_text(string_id) for string_id in dict.fromkeys(ids)], payload, vectors]
        columns = await self._client.call("retrieve", collection, args, RecordColumns)
        found = {record.id: record for record in decode_records(columns)}
        return [found[string_id] for string_id in ids if string_id in found]

    async def compare(
        self, collection: str, vector: NDArray[np.float32], ids: Sequence[str], *, payload: tuple[str, ...] = ()
    ) -> Comparison:
        check_vector(vector)
        asked = tuple(dict.fromkeys(ids))
        args = [vector.astype("<f4").tobytes(), b"".join(map(uuid_bytes, asked)), payload]
        parts = await self._client.call("compare", collection, args, list[CompareColumns])
        return decode_comparison(asked, parts, payload)

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
        args = [encode_filter(filter), limit, after, payload]
        columns, following = await self._client.call("scroll", collection, args, tuple[RecordColumns, str | None])
        return decode_records(columns), following

    async def count(self, collection: str, filter: Filter | None = None) -> int:
        return int(await self._client.call("count", collection, encode_filter(filter), int))

    async def optimise(self, collection: str) -> bool:
        return bool(
            await self._client.call("optimise", collection, None, bool, writes=True, timeout_s=_OPTIMISE_TIMEOUT_S)
        )

    async def needs_optimising(self, collection: str) -> bool:
        """Whether so many points wait unindexed, or so many are deleted, that `optimise` should be called now."""
        return bool(await self._client.call("needs_optimising", collection, None, bool))

    async def flush(self, collection: str) -> None:
        """Have everything written so far survive a power cut too. `upsert` alone survives a killed process."""
        await self._client.call("flush", collection, None, None, writes=True)

    async def info(self, collection: str) -> StoreInfo:
        points, indexed, size_bytes, version = await self._client.call(
            "info", collection, None, tuple[int, int, int, str]
        )
        return StoreInfo(points, indexed, size_bytes, "edge", version)

    async def close(self) -> None:
        await self._client.close()
        if self._supervisor is not None:
            await self._supervisor.stop()

    async def _spec(self, collection: str) -> CollectionSpec:
        """The collection's vectors, asked for once per connection."""
        if self._specs_of_connection != self._client.connections:
            self._specs.clear()
        spec = self._specs.get(collection)
        if spec is None:
            spec = await self._client.call("spec", collection, None, CollectionSpec)
            self._specs[collection] = spec
            self._specs_of_connection = self._client.connections
        return spec

    async def _write(self, op: str, collection: str, messages: Iterable[Any]) -> None:
        """Send the messages in order, a few ahead of their answers; stop at the first error."""
        waiting: list[asyncio.Task[Any]] = []
        try:
            for message in messages:
                if len(waiting) == _CALLS_AHEAD:
                    await waiting.pop(0)
                call = self._client.call(op, collection, message, None, writes=True)
                waiting.append(asyncio.create_task(call))
            while waiting:
                await waiting.pop(0)
        finally:
            for call_in_flight in waiting:
                call_in_flight.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
