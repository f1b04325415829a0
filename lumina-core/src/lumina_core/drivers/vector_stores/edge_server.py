"""What the index process does with the calls it receives."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import structlog

from lumina_core.drivers.vector_store import CollectionSpec
from lumina_core.drivers.vector_stores.edge_collection import Collection, read_ahead
from lumina_core.drivers.vector_stores.edge_connection import LATER, EdgeConnection
from lumina_core.drivers.vector_stores.edge_copy import disk_bytes
from lumina_core.drivers.vector_stores.edge_files import sync_tree
from lumina_core.drivers.vector_stores.edge_forward import ForwardIndex
from lumina_core.drivers.vector_stores.edge_optimise import Optimisation, Unindexed
from lumina_core.drivers.vector_stores.edge_schedule import Job, Schedule
from lumina_core.drivers.vector_stores.edge_wire import (
    QueryBatch,
    Request,
    UpsertColumns,
    WireFilter,
    decode_request,
)
from lumina_core.errors import Conflict, CoreError, InvalidInput, NotFound, StorageFull

__all__ = ["EdgeServer"]

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
_FLUSH_AFTER_BYTES = 32 * 1024 * 1024
_FLUSH_AFTER_S = 10.0
_QUIET_PATIENCE_S = 60.0
"""A flush waits for the disk some fifty times and holds up everything. It only keeps the write-ahead log short: nothing
is lost while it waits for a moment without searches."""


class EdgeServer:
    """Owns the collections under `path` and answers calls, one at a time.

    Args:
        path: The directory of the index. The caller holds its lock.
        min_free_bytes: Writes are refused while the disk has less room than this. Edge writes through memory maps, and
            a memory map that hits a full disk kills the process: so we stop before.
    """

    def __init__(self, path: Path, *, min_free_bytes: int) -> None:
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._schedule = Schedule()
        self._collections: dict[str, Collection] = {}
        self._broken: dict[str, CoreError] = {}
        self._unflushed: dict[str, int] = {}
        self._optimisations: dict[str, Optimisation] = {}
        self._compacting: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._version = version("qdrant-edge-py")

    def open(self) -> None:
        """Load every collection. One that cannot be read fails the calls on it, not the others."""
        for child in sorted(self._path.iterdir()):
            if not child.is_dir():
                continue
            if child.name.startswith(".") or Collection.is_unfinished(child):
                shutil.rmtree(child, ignore_errors=True)
                continue
            try:
                self._collections[child.name] = Collection.open(child)
            except CoreError as error:
                log.error("collection_unreadable", collection=child.name, reason=error.message)
                self._broken[child.name] = error

    async def run(self) -> None:
        """Serve until cancelled."""
        flusher = asyncio.create_task(self._flush_now_and_then())
        for collection in self._collections.values():
            self._start(asyncio.to_thread(collection.names.load))
            self._start(asyncio.to_thread(read_ahead, collection.shard_path, everything=True))
        try:
            await self._schedule.run()
        finally:
            flusher.cancel()

    def connection(self) -> asyncio.Protocol:
        return EdgeConnection(self)

    def close(self) -> None:
        """Finish the calls already received and flush."""
        for optimisation in self._optimisations.values():
            optimisation.abandon()
        self._schedule.drain()
        for collection in self._collections.values():
            collection.close()

    def receive(self, client: EdgeConnection, body: bytes) -> None:
        request = decode_request(body)

        def run() -> None:
            client.answer(request.id, lambda: self._perform(client, request, body))

        self._schedule.add(Job(client, request.collection, request.writes, run))

    def waiting(self, client: EdgeConnection) -> int:
        return self._schedule.waiting(client)

    def forget(self, client: EdgeConnection) -> None:
        self._schedule.drop_reads(client)

    def _perform(self, client: EdgeConnection, request: Request, body: bytes) -> Any:
        name = request.collection
        if request.op == "drop" and name in self._optimisations:
            self._start(self._drop_later(client, request.id, name))
            return LATER
        if request.op in _WITHOUT_COLLECTION:
            return _WITHOUT_COLLECTION[request.op](self, name, request.args)
        collection = self._collection(name)
        if request.op == "optimise":
            self._start(self._optimise(client, request.id, collection))
            return LATER
        if request.op == "flush":
            self._start(self._flush(client, request.id, collection))
            return LATER
        if request.op not in _OPERATIONS:
            raise InvalidInput(f"the index knows no operation {request.op!r}")
        if not request.writes:
            return _OPERATIONS[request.op](self, collection, request.args)
        self._check_room(len(body))
        result = _OPERATIONS[request.op](self, collection, request.args)
        self._unflushed[name] = self._unflushed.get(name, 0) + len(body)
        if optimisation := self._optimisations.get(name):
            optimisation.record(body)
        return result

    def replay(self, collection: Collection, body: bytes) -> None:
        """Do a recorded write again, on the copy of its collection."""
        request = decode_request(body)
        _OPERATIONS[request.op](self, collection, request.args)

    def _collection(self, name: str) -> Collection:
        if collection := self._collections.get(name):
            return collection
        if error := self._broken.get(name):
            raise type(error)(error.message, hint=error.hint)
        raise NotFound(f"there is no collection {name!r}", hint="Run `lumina reindex` to build the index.")

    def _check_room(self, size_bytes: int) -> None:
        free_bytes = shutil.disk_usage(self._path).free
        if free_bytes < self._min_free_bytes + 4 * size_bytes:
            raise StorageFull(
                f"the disk has {free_bytes // 2**20} MiB left, "
                f"the index keeps {self._min_free_bytes // 2**20} MiB spare",
                hint="Free some space; nothing was changed and searching goes on.",
            )

    def _ensure(self, name: str, args: msgspec.Raw) -> None:
        spec = _decode(args, CollectionSpec)
        if spec.name != name or not _NAME.fullmatch(name):
            raise InvalidInput(f"{name!r} cannot name a collection", hint="Use letters, digits, -, _ and dots.")
        if name in self._broken:
            self._collection(name)
        if collection := self._collections.get(name):
            collection.ensure(spec)
            return
        if name in self._optimisations:
            raise Conflict(f"the collection {name!r} is being removed", hint="Try again in a moment.")
        self._check_room(0)
        self._collections[name] = Collection.create(self._path, spec)

    def _drop(self, name: str, args: msgspec.Raw) -> None:
        self._broken.pop(name, None)
        self._unflushed.pop(name, None)
        collection = self._collections.pop(name, None)
        if not (self._path / name).is_dir():
            return
        number = 0
        while (leaving := self._path / f".drop-{name}-{number}").exists():
            number += 1
        (self._path / name).rename(leaving)
        if collection:
            collection.close()
        self._start(asyncio.to_thread(shutil.rmtree, leaving, ignore_errors=True))

    async def _drop_later(self, client: EdgeConnection, call: int, name: str) -> None:
        """Drop a collection that is being optimised: first let go of its files."""
        collection = self._collections.pop(name, None)  # nobody may use it meanwhile
        optimisation = self._optimisations[name]
        optimisation.abandon()
        await optimisation.ended.wait()
        if collection is not None:
            self._collections[name] = collection
        client.answer(call, lambda: self._drop(name, msgspec.Raw()))

    def _spec(self, name: str, args: msgspec.Raw) -> CollectionSpec:
        return self._collection(name).spec

    def _info(self, collection: Collection, args: msgspec.Raw) -> list[Any]:
        points = collection.count(None)
        waiting = Unindexed.of(collection)
        return [points, max(points - waiting.points, 0), disk_bytes(collection.path), self._version]

    def _needs_optimising(self, collection: Collection, args: msgspec.Raw) -> bool:
        return collection.spec.name not in self._optimisations and Unindexed.of(collection).is_much

    def _upsert(self, collection: Collection, args: msgspec.Raw) -> None:
        collection.upsert(_decode(args, UpsertColumns))

    def _delete(self, collection: Collection, args: msgspec.Raw) -> None:
        collection.delete(_decode(args, WireFilter))

    def _set_payload(self, collection: Collection, args: msgspec.Raw) -> None:
        collection.set_payload(_decode(args, dict[str, dict[str, Any]]))

    def _query(self, collection: Collection, args: msgspec.Raw) -> Any:
        return collection.query(_decode(args, QueryBatch))

    def _retrieve(self, collection: Collection, args: msgspec.Raw) -> Any:
        return collection.retrieve(*_decode(args, tuple[list[str], list[str] | None, list[str]]))

    def _compare(self, collection: Collection, args: msgspec.Raw) -> Any:
        return collection.compare(*_decode(args, tuple[bytes, bytes, list[str]]))

    def _scroll(self, collection: Collection, args: msgspec.Raw) -> Any:
        return collection.scroll(*_decode(args, tuple[WireFilter | None, int, str | None, list[str] | None]))

    def _count(self, collection: Collection, args: msgspec.Raw) -> int:
        return collection.count(_decode(args, WireFilter | None))

    async def _optimise(self, client: EdgeConnection, call: int, collection: Collection) -> None:
        name = collection.spec.name
        if name in self._optimisations:
            client.answer(call, lambda: False)
            return
        optimisation = Optimisation(collection, self._schedule, self.replay, self._min_free_bytes)
        self._optimisations[name] = optimisation
        try:
            done = await optimisation.run()
        except Exception as error:
            failure = error  # the name above ends with this block
            client.answer(call, lambda: _raise(failure))
        else:
            client.answer(call, lambda: done)
        finally:
            if self._optimisations.get(name) is optimisation:
                del self._optimisations[name]

    async def _flush(self, client: EdgeConnection | None, call: int, collection: Collection) -> None:
        """Sync the files from a thread first, so that the flush itself, which stops everything, finds little to do."""
        name = collection.spec.name
        self._unflushed.pop(name, None)
        await asyncio.to_thread(sync_tree, collection.shard_path)

        def flush() -> None:
            if self._collections.get(name) is collection:
                collection.flush()

        def run() -> None:
            if client is not None:
                client.answer(call, flush)
                return
            try:
                flush()
            except CoreError as error:
                log.error("flush_failed", collection=name, reason=error.message)

        self._schedule.add(Job(self, name, True, run))

    async def _compact(self, collection: Collection, forward: ForwardIndex) -> None:
        """Have the forward index leave out what was replaced. Nothing waits for it but its last turn."""
        name = collection.spec.name
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        compaction = forward.start_compaction()

        def finish() -> None:
            try:
                if self._collections.get(name) is collection and collection.forward is forward:
                    compaction.finish()
                done.set_result(None)
            except OSError as error:
                done.set_exception(error)

        self._compacting.add(name)
        try:
            await asyncio.to_thread(compaction.copy)
            self._schedule.add(Job(self, name, True, finish))
            await done
        except OSError as error:
            log.warning("forward_index_not_compacted", collection=name, reason=str(error))
        finally:
            self._compacting.discard(name)
            compaction.abandon()

    async def _flush_now_and_then(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(1)
            ticks += 1
            for name, size_bytes in list(self._unflushed.items()):
                if size_bytes >= _FLUSH_AFTER_BYTES or ticks % _FLUSH_AFTER_S == 0:
                    await self._schedule.quiet(_QUIET_PATIENCE_S)
                    if name in self._collections:
                        await self._flush(None, 0, self._collections[name])
            for name, collection in self._collections.items():
                forward = collection.forward
                if forward is not None and forward.needs_compacting and name not in self._compacting:
                    self._start(self._compact(collection, forward))

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_WITHOUT_COLLECTION: dict[str, Callable[[EdgeServer, str, msgspec.Raw], Any]] = {
    "ensure": EdgeServer._ensure,
    "drop": EdgeServer._drop,
    "spec": EdgeServer._spec,
}

_OPERATIONS: dict[str, Callable[[EdgeServer, Collection, msgspec.Raw], Any]] = {
    "upsert": EdgeServer._upsert,
    "delete": EdgeServer._delete,
    "set_payload": EdgeServer._set_payload,
    "query": EdgeServer._query,
    "retrieve": EdgeServer._retrieve,
    "compare": EdgeServer._compare,
    "scroll": EdgeServer._scroll,
    "count": EdgeServer._count,
    "info": EdgeServer._info,
    "needs_optimising": EdgeServer._needs_optimising,
}


def _raise(error: Exception) -> None:
    raise error


def _decode(args: msgspec.Raw, kind: Any) -> Any:
    return msgspec.msgpack.decode(args, type=kind)
