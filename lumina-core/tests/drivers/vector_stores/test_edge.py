"""The index process as a process: it is killed, starved of disk, started twice and optimised under load."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from lumina_core.drivers.vector_store import CollectionSpec, Filter, Match, Point, Query, SparseVector
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.errors import Conflict, CoreError, InvalidInput, NotFound, StorageFull, VectorStoreDown

pytestmark = pytest.mark.processes

_DIM = 384
_SPEC = CollectionSpec("chunks", _DIM, sentences=True, keyword_fields=("article",), number_fields=("ts",))
_BOUND_S = 90.0


def point(number: int, version: int = 0) -> Point:
    rng = np.random.default_rng([number, version])
    return Point(
        f"p{number}",
        rng.standard_normal(_DIM).astype(np.float32),
        {"article": f"a{number % 7}", "ts": float(number), "version": version},
        rng.standard_normal((2, _DIM)).astype(np.float32),
        SparseVector(np.array([number % 50, 50 + number % 31], np.uint32), np.ones(2, np.float32)),
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EdgeStore]:
    made = await EdgeStore.start(tmp_path / "index")
    await made.ensure(_SPEC)
    yield made
    await made.close()


def kill(store: EdgeStore) -> int:
    pid = store.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def back(store: EdgeStore) -> None:
    """Return once calls are answered again; one may still be lost with the connection it went out on."""
    async with asyncio.timeout(_BOUND_S):
        while True:
            try:
                await store.count("chunks")
            except VectorStoreDown:
                continue
            return


async def versions(store: EdgeStore) -> dict[str, int]:
    """Everything in the collection, by id."""
    seen: dict[str, int] = {}
    after = None
    while True:
        records, after = await store.scroll("chunks", after=after, payload=("version",), limit=1000)
        for record in records:
            assert record.id not in seen
            seen[record.id] = record.payload["version"]
        if after is None:
            return seen


async def test_killing_it_during_writes_loses_nothing_acknowledged(store: EdgeStore) -> None:
    acknowledged: set[str] = set()

    async def write(start: int, enough: asyncio.Event) -> None:
        try:
            for first in range(start, start + 4000, 20):
                batch = [point(number) for number in range(first, first + 20)]
                await store.upsert("chunks", batch)
                acknowledged.update(each.id for each in batch)
                if first >= start + 100:
                    enough.set()
        except VectorStoreDown:
            return

    for round_ in range(3):
        enough = asyncio.Event()
        writers = [asyncio.create_task(write(round_ * 10_000 + part * 5_000, enough)) for part in range(2)]
        async with asyncio.timeout(_BOUND_S):
            await enough.wait()
            kill(store)
            await asyncio.gather(*writers)
            await back(store)
            records = await store.retrieve("chunks", sorted(acknowledged), payload=("version",))
        assert {record.id for record in records} == acknowledged
        assert len(acknowledged) >= 120 * (round_ + 1)
    assert store.restarts == 3


async def test_calls_in_flight_fail_clearly_and_later_ones_of_every_client_work(store: EdgeStore) -> None:
    other = await EdgeStore.connect(store.socket)
    await other.upsert("chunks", [point(1)])
    pid = store.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the calls are surely in flight
    in_flight = [asyncio.create_task(each.count("chunks")) for each in (store, other)]
    await asyncio.sleep(0)

    kill(store)

    for call in in_flight:
        with pytest.raises(VectorStoreDown) as raised:
            await call
        assert raised.value.hint
    assert await store.count("chunks") == await other.count("chunks") == 1
    assert store.pid not in (None, pid)
    await other.close()


async def test_closing_ends_the_process_and_keeps_everything(tmp_path: Path) -> None:
    first = await EdgeStore.start(tmp_path / "index")
    await first.ensure(_SPEC)
    await first.upsert("chunks", [point(number) for number in range(50)])
    pid = first.pid
    await first.close()
    await first.close()

    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert not first.socket.exists()
    with pytest.raises(VectorStoreDown):
        await first.count("chunks")
    second = await EdgeStore.start(tmp_path / "index")
    assert await second.count("chunks") == 50
    await second.close()


async def test_it_dies_with_its_parent_and_the_next_one_finds_everything(tmp_path: Path) -> None:
    script = """
        import asyncio, sys
        from pathlib import Path
        import numpy as np
        from lumina_core.drivers.vector_store import CollectionSpec, Point
        from lumina_core.drivers.vector_stores.edge import EdgeStore

        async def main():
            store = await EdgeStore.start(Path(sys.argv[1]))
            await store.ensure(CollectionSpec("c", 4))
            await store.upsert("c", [Point(f"p{i}", np.ones(4, np.float32), {}) for i in range(100)])
            print(store.pid, flush=True)
            await asyncio.sleep(3600)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "index")]
    parent = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(_BOUND_S):
        child = psutil.Process(int(await parent.stdout.readline()))

    parent.kill()
    await parent.wait()

    _, alive = await asyncio.to_thread(psutil.wait_procs, [child], timeout=_BOUND_S)
    assert not alive
    store = await EdgeStore.start(tmp_path / "index")
    assert await store.count("c") == 100
    await store.close()


async def test_a_second_process_on_the_same_directory_is_refused(store: EdgeStore, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="another process owns the index") as raised:
        await EdgeStore.start(tmp_path / "index", lock_patience_s=0)

    assert raised.value.hint
    assert await store.count("chunks") == 0


async def test_its_socket_is_private_and_its_environment_scrubbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUMINA_SECRET", "do not tell")
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    store = await EdgeStore.start(deep)

    assert stat.S_IMODE(store.socket.stat().st_mode) == 0o600
    assert len(os.fsencode(store.socket)) <= 100
    assert "do not tell" not in str(psutil.Process(store.pid).environ())
    folder = store.socket.parent
    await store.close()
    assert not folder.exists()


async def test_a_client_that_talks_nonsense_is_cut_off_and_others_are_served(store: EdgeStore) -> None:
    for nonsense in (b"\xff\xff\xff\xff", b"\x03\x00\x00\x00abc", b"GET / HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_unix_connection(str(store.socket))
        writer.write(nonsense)
        async with asyncio.timeout(_BOUND_S):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    assert await store.count("chunks") == 0


async def test_a_shard_that_cannot_be_read_says_how_to_rebuild_it(tmp_path: Path) -> None:
    store = await EdgeStore.start(tmp_path / "index")
    await store.ensure(_SPEC)
    await store.ensure(CollectionSpec("healthy", 4))
    await store.upsert("chunks", [point(1)])
    await store.close()
    for file in (tmp_path / "index" / "chunks").rglob("segment.json"):
        file.write_text("{ not what it was")

    store = await EdgeStore.start(tmp_path / "index")

    for call in (store.count("chunks"), store.upsert("chunks", [point(2)]), store.ensure(_SPEC)):
        with pytest.raises(CoreError, match="'chunks'") as raised:
            await call
        assert "lumina reindex" in str(raised.value.hint)
    assert await store.count("healthy") == 0
    await store.drop("chunks")
    await store.ensure(_SPEC)
    await store.upsert("chunks", [point(3)])
    assert await store.count("chunks") == 1
    await store.close()


async def test_making_a_collection_interrupted_leaves_none(tmp_path: Path) -> None:
    store = await EdgeStore.start(tmp_path / "index")
    await store.ensure(_SPEC)
    await store.close()
    (tmp_path / "index" / "chunks" / "UNFINISHED").touch()
    (tmp_path / "index" / "chunks" / "spec.json").unlink()

    store = await EdgeStore.start(tmp_path / "index")

    with pytest.raises(NotFound):
        await store.count("chunks")
    await store.ensure(_SPEC)
    assert await store.count("chunks") == 0
    await store.close()


async def test_without_room_writes_are_refused_and_searches_go_on(tmp_path: Path) -> None:
    store = await EdgeStore.start(tmp_path / "index")
    await store.ensure(_SPEC)
    await store.upsert("chunks", [point(number) for number in range(30)])
    await store.close()
    full = await EdgeStore.start(tmp_path / "index", min_free_bytes=2**60)

    for call in (
        full.upsert("chunks", [point(99)]),
        full.set_payload("chunks", {"p1": {"version": 7}}),
        full.optimise("chunks"),
        full.ensure(CollectionSpec("other", 4)),
    ):
        with pytest.raises(StorageFull) as raised:
            await call
        assert raised.value.hint

    assert await versions(full) == {f"p{number}": 0 for number in range(30)}
    await full.close()


async def test_a_disk_that_fills_up_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    mounting = mount and subprocess.run(  # noqa: ASYNC221 — a moment, and nothing else runs
        [mount, "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if not mounting or mounting.returncode != 0:
        pytest.skip("mounting a small disk needs rights we do not have here")
    try:
        store = await EdgeStore.start(disk / "index", min_free_bytes=48 * 2**20)
        await store.ensure(_SPEC)
        acknowledged = await _write_until_full(store)
        kept = len(await versions(store))
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))
        with pytest.raises(StorageFull):
            await store.upsert("chunks", [point(1)])
        kill(store)
        (disk / "filler").unlink()
        await back(store)
        assert len(await versions(store)) == kept
        await store.close()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # noqa: ASYNC221, S607
    assert 0 < acknowledged <= kept < acknowledged + 64


async def _write_until_full(store: EdgeStore) -> int:
    acknowledged = 0
    while acknowledged < 100_000:
        try:
            await store.upsert("chunks", [point(acknowledged + number) for number in range(64)])
        except StorageFull:
            break
        acknowledged += 64
    return acknowledged


async def test_optimising_under_load_keeps_exactly_the_right_points(store: EdgeStore) -> None:
    expected = {f"p{number}": 0 for number in range(1500)}
    await store.upsert("chunks", [point(number) for number in range(1500)])
    other = await EdgeStore.connect(store.socket)
    rng = random.Random(7)
    finished = asyncio.Event()
    searches = 0

    async def write() -> None:
        version = 0
        while not finished.is_set():
            version += 1
            numbers = rng.sample(range(2000), 24)
            await other.upsert("chunks", [point(number, version) for number in numbers])
            expected.update((f"p{number}", version) for number in numbers)
            gone = tuple(f"p{number}" for number in rng.sample(range(2000), 6))
            await other.delete("chunks", Filter(ids=gone))
            for each in gone:
                expected.pop(each, None)
            named = rng.choice(list(expected))
            await other.set_payload("chunks", {named: {"version": -version}})
            expected[named] = -version

    async def search() -> None:
        nonlocal searches
        while not finished.is_set():
            (hits,) = await store.query("chunks", [Query("dense", point(3).dense, 5)])
            assert len(hits) == 5
            searches += 1

    load = [asyncio.create_task(write()), asyncio.create_task(search())]
    async with asyncio.timeout(_BOUND_S):
        assert await store.optimise("chunks")
    finished.set()
    await asyncio.gather(*load)

    assert searches > 0
    assert await versions(store) == expected
    info = await store.info("chunks")
    assert 0 <= info.indexed <= info.points == len(expected)
    kill(store)
    await back(store)
    assert await versions(store) == expected
    found = await store.query(
        "chunks",
        [
            Query("dense", point(n, expected[f"p{n}"]).dense, 1, exact=True)
            for n in range(2000)
            if expected.get(f"p{n}", -1) >= 0
        ],
    )
    assert all(hits[0].score == pytest.approx(1.0, abs=1e-3) for hits in found)
    generations = [path.name for path in (store.socket.parent / "chunks").glob("shard-*")]
    assert generations == ["shard-000002"]
    await other.close()


_KILLED_AT = """
import os, signal, sys
from pathlib import Path
from lumina_core.drivers.vector_stores import edge_optimise, edge_process

step, done = sys.argv[1], Path(sys.argv[2])

def reached(name):
    if name == step and not done.exists():
        done.touch()
        os.kill(os.getpid(), signal.SIGKILL)

edge_optimise._reached = reached
args = sys.argv[3:]
sys.exit(edge_process.main(Path(args[0]), Path(args[1]), int(args[2]), int(args[3]), float(args[4])))
"""


@pytest.mark.parametrize("step", ["copied", "optimising", "optimised", "replayed", "prepared", "switched", "removed"])
async def test_killing_it_at_any_step_of_an_optimisation_loses_nothing(tmp_path: Path, step: str) -> None:
    marker = tmp_path / "killed"
    command = [sys.executable, "-P", "-c", _KILLED_AT, step, str(marker)]
    store = await EdgeStore.start(tmp_path / "index", command=command)
    await store.ensure(_SPEC)
    await store.upsert("chunks", [point(number) for number in range(800)])
    acknowledged: dict[str, int] = {f"p{number}": 0 for number in range(800)}
    other = await EdgeStore.connect(store.socket)

    async def write() -> None:
        for number in range(2000, 3000, 5):
            batch = [point(each) for each in range(number, number + 5)]
            try:
                await other.upsert("chunks", batch)
            except VectorStoreDown:
                return
            acknowledged.update((each.id, 0) for each in batch)

    writing = asyncio.create_task(write())
    async with asyncio.timeout(_BOUND_S):
        with pytest.raises(VectorStoreDown):
            await store.optimise("chunks")
        await writing
        await back(store)
        after = await versions(store)

    assert marker.exists()
    assert acknowledged.items() <= after.items()
    assert len(after) <= len(acknowledged) + 5  # what was in flight may be there
    left = {path.name for path in (tmp_path / "index" / "chunks").iterdir()}
    generation = "shard-000002" if step in {"switched", "removed"} else "shard-000001"
    assert left == {"CURRENT", "spec.json", "names", generation}
    if step == "copied":
        await store.optimise("chunks")
        assert await versions(store) == after
    await other.close()
    await store.close()


async def test_dropping_a_collection_ends_its_optimisation(store: EdgeStore) -> None:
    await store.upsert("chunks", [point(number) for number in range(800)])
    optimising = asyncio.create_task(store.optimise("chunks"))
    await asyncio.sleep(0)

    await store.drop("chunks")
    await store.ensure(_SPEC)
    await store.upsert("chunks", [point(1)])

    async with asyncio.timeout(_BOUND_S):
        assert await optimising is False
    assert await store.count("chunks") == 1


async def test_optimising_is_called_for_by_many_unindexed_or_deleted_points(store: EdgeStore) -> None:
    await store.ensure(CollectionSpec("small", 4, keyword_fields=("half",)))
    points = [Point(f"p{n}", np.array([1, n, n % 7, 3], np.float32), {"half": str(n % 2)}) for n in range(3_000)]
    await store.upsert("small", points)

    few = await store.needs_optimising("small")
    await store.upsert("small", [Point(f"q{n}", np.ones(4, np.float32), {}) for n in range(17_001)])

    assert few is False
    assert await store.needs_optimising("small") is True


async def test_a_payload_that_is_not_json_is_refused(store: EdgeStore) -> None:
    odd = point(1)
    with pytest.raises(InvalidInput, match="cannot be stored"):
        await store.upsert("chunks", [Point("x", odd.dense, {"a": object()}, odd.sentences, odd.bm25)])

    assert await store.count("chunks", Filter(must=(Match("article", ("a1",)),))) == 0
