from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import InvalidInput, NotFound
from lumina_core.memory.scratchpad import DEADLINES, MAX_NOTES, PadId, ScratchPads


@pytest.fixture
def pads(redis: RedisClient, clock: Any, random_hex: Callable[[int], str]) -> ScratchPads:
    return ScratchPads(redis, now=lambda: clock.s, random_hex=random_hex)


async def test_notes_come_back_in_order_with_their_times(pads: ScratchPads, clock: Any) -> None:
    pad = await pads.create("ann")
    for text in ("first", "second", "third"):
        await pad.write(text)
        clock.pass_s(1)

    notes = await pads.open(pad.id).read_all()
    assert [note.text for note in notes] == ["first", "second", "third"]
    assert [note.ts - notes[0].ts for note in notes] == [0, 1, 2]


async def test_a_pad_is_a_hash_that_expires_in_five_minutes(pads: ScratchPads, redis: RedisClient) -> None:
    pad = await pads.create("ann")

    assert pad.id == "pad:0000000000000001"
    assert await redis.type(pad.id) == "hash"
    assert 0 < await redis.ttl(pad.id) <= 300


@pytest.mark.parametrize("use", ["write", "read_all"])
async def test_every_use_moves_the_end(pads: ScratchPads, redis: RedisClient, clock: Any, use: str) -> None:
    pad = await pads.create("ann")
    await redis.expire(pad.id, 10)
    clock.pass_s(200)

    await (pad.write("note") if use == "write" else pad.read_all())

    assert await redis.zscore(DEADLINES, pad.id) == clock.s + 300
    assert await redis.ttl(pad.id) > 10


async def test_an_expired_pad_is_gone_for_writing_and_reading(pads: ScratchPads, redis: RedisClient) -> None:
    pad = await pads.create("ann")
    await redis.delete(pad.id)

    with pytest.raises(NotFound):
        await pad.write("late")
    with pytest.raises(NotFound):
        await pads.open(PadId("pad:none")).read_all()
    assert await redis.exists(pad.id) == 0


async def test_a_destroyed_pad_leaves_nothing(pads: ScratchPads, redis: RedisClient) -> None:
    pad = await pads.create("ann")
    await pad.write("secret")

    await pad.destroy()
    await pad.destroy()

    assert await redis.keys("*") == []


async def test_a_pad_takes_no_more_than_it_can_hold(pads: ScratchPads, redis: RedisClient) -> None:
    pad = await pads.create("ann")
    await redis.hset(pad.id, "count", str(MAX_NOTES))

    with pytest.raises(InvalidInput, match="512"):
        await pad.write("one more")
    with pytest.raises(InvalidInput):
        await pad.write("   ")


def test_a_life_of_no_length_is_refused(redis: RedisClient) -> None:
    with pytest.raises(InvalidInput, match="0 s"):
        ScratchPads(redis, ttl_s=0)
