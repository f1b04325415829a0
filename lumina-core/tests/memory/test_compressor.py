from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.drivers.vector_store import CollectionSpec, Filter, VectorStore
from lumina_core.errors import EmbedderDown, NotFound, VectorStoreDown
from lumina_core.events.event import decode_event
from lumina_core.graph.log import GraphLog, read_log
from lumina_core.memory.compressor import PAD_COMPRESSED, REFLECTIONS, PadCompressor
from lumina_core.memory.scratchpad import DEADLINES, ScratchPad, ScratchPads


@pytest.fixture
def pads(redis: RedisClient, clock: Any, random_hex: Callable[[int], str]) -> ScratchPads:
    return ScratchPads(redis, now=lambda: clock.s, random_hex=random_hex)


@pytest.fixture
def compressor(redis: RedisClient, log: GraphLog, store: VectorStore, embedder: Any, clock: Any) -> PadCompressor:
    return PadCompressor(redis, log, store, embedder, now=lambda: clock.s)


@pytest.fixture
async def pad(pads: ScratchPads) -> ScratchPad:
    made = await pads.create("ann")
    await made.write("Anarchism and syndicalism meet in the unions. The unions want anarchism.")
    await made.write("It rained on Tuesday.")
    return made


def logged(root: Path) -> list[str]:
    return [entry.record["id"] for entry in read_log(root, REFLECTIONS)]


async def test_a_pad_with_time_left_is_left_alone(compressor: PadCompressor, pad: ScratchPad, clock: Any) -> None:
    clock.pass_s(269)

    assert await compressor.compress_due() == []
    assert len(await pad.read_all()) == 2


async def test_a_pad_is_compressed_before_it_expires(
    compressor: PadCompressor, pad: ScratchPad, clock: Any, redis: RedisClient, store: VectorStore, root: Path
) -> None:
    clock.pass_s(271)

    (done,) = await compressor.compress_due()

    assert (done.pad, done.owner, done.notes) == (pad.id, "ann", 2)
    assert "unions" in done.text
    assert logged(root) == [pad.id]
    (record,) = await store.retrieve("scratch_mem", [pad.id])
    assert record.payload["text"] == done.text
    events: Any = await redis.xrange(PAD_COMPRESSED)
    ((_, event),) = events
    told = decode_event(PAD_COMPRESSED, "0-0", event)
    assert (told.type, told.data["pad"], told.data["text"]) == ("PAD_COMPRESSED", pad.id, done.text)
    assert await redis.exists(pad.id) == 0
    assert await redis.zcard(DEADLINES) == 0


async def test_a_finished_pad_need_not_wait_for_its_end(compressor: PadCompressor, pad: ScratchPad) -> None:
    await pad.finish()

    assert [done.pad for done in await compressor.compress_due()] == [pad.id]
    assert await compressor.compress_due() == []


async def test_nothing_can_be_written_while_a_pad_is_being_compressed(
    compressor: PadCompressor, pad: ScratchPad, embedder: Any, redis: RedisClient
) -> None:
    await pad.finish()
    embedder.down = True
    with pytest.raises(EmbedderDown):
        await compressor.compress_due()

    with pytest.raises(NotFound):
        await pad.write("too late")
    assert await redis.ttl(pad.id) == -1  # its clock was stopped: it cannot expire half compressed


class Crash(Exception):
    pass


@pytest.mark.parametrize("step", ["append", "upsert", "event"])
async def test_a_crash_between_two_steps_repeats_harmlessly(
    step: str,
    compressor: PadCompressor,
    pad: ScratchPad,
    redis: RedisClient,
    log: GraphLog,
    store: VectorStore,
    embedder: Any,
    clock: Any,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await pad.finish()

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        if step == "append":
            broken.setattr(log, "append", crash)
        elif step == "upsert":
            broken.setattr(store, "upsert", crash)
        else:
            broken.setattr(compressor, "_let_go", crash)
        with pytest.raises(Crash):
            await compressor.compress_due()

    again = PadCompressor(redis, log, store, embedder, now=lambda: clock.s)
    assert [done.pad for done in await again.compress_due()] == [pad.id]
    assert logged(root) == [pad.id]
    assert await store.count("scratch_mem") == 1
    assert await redis.xlen(PAD_COMPRESSED) == 1


async def test_two_compressors_do_not_take_the_same_pad(
    compressor: PadCompressor, pad: ScratchPad, redis: RedisClient
) -> None:
    await pad.finish()
    await redis.set(f"{pad.id}:claim", "another")

    assert await compressor.compress_due() == []


async def test_empty_and_vanished_pads_are_let_go(
    compressor: PadCompressor, pads: ScratchPads, clock: Any, redis: RedisClient, root: Path
) -> None:
    await pads.create("ann")
    vanished = await pads.create("ann")
    await redis.delete(vanished.id)
    clock.pass_s(300)

    assert await compressor.compress_due() == []
    assert await redis.keys("pad:*") == []
    assert await redis.zcard(DEADLINES) == 0
    assert logged(root) == []


async def test_scratch_mem_is_rebuilt_from_the_log(
    compressor: PadCompressor, pad: ScratchPad, store: VectorStore
) -> None:
    await pad.finish()
    (done,) = await compressor.compress_due()
    (before,) = await store.retrieve("scratch_mem", [pad.id], vectors=("dense",))
    await store.delete("scratch_mem", Filter())

    await compressor.catch_up()

    (after,) = await store.retrieve("scratch_mem", [pad.id], vectors=("dense",))
    assert after.payload == before.payload
    assert after.payload["text"] == done.text


@pytest.mark.parametrize("way", ["rebuild", "prepare"])
async def test_scratch_mem_is_made_where_it_is_missing_or_has_other_vectors(
    compressor: PadCompressor, pad: ScratchPad, store: VectorStore, way: str
) -> None:
    await pad.finish()
    (done,) = await compressor.compress_due()
    for spec in (None, CollectionSpec("scratch_mem", dim=8)):
        await store.drop("scratch_mem")
        if spec is not None:
            await store.ensure(spec)

        await getattr(compressor, way)()

        (record,) = await store.retrieve("scratch_mem", [pad.id])
        assert record.payload["text"] == done.text


async def test_a_store_that_is_down_postpones_the_work(
    compressor: PadCompressor, pad: ScratchPad, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise VectorStoreDown("away")

    await pad.finish()
    with monkeypatch.context() as broken:
        broken.setattr(store, "upsert", down)
        with pytest.raises(VectorStoreDown):
            await compressor.compress_due()

    assert [done.pad for done in await compressor.compress_due()] == [pad.id]
