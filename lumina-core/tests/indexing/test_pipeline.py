from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from lumina_core.indexing.pipeline import AHEAD, Slots, in_order


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as working, ThreadPoolExecutor(1) as cutting:
        yield {"working": working, "cutting": cutting}


async def test_results_come_in_the_order_of_the_source_whatever_is_done_first(threads):
    second_is_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_is_done.wait(10)
        if item == 1:
            second_is_done.set()
        return item * 10

    results = [result async for result in in_order(iter(range(5)), work, slots=Slots(2), **threads)]

    assert results == [0, 10, 20, 30, 40]


async def test_no_more_is_taken_than_can_be_worked_on_soon(threads):
    taken = []

    def source():
        for number in range(100):
            taken.append(number)
            yield number

    async with aclosing(in_order(source(), lambda item: item, slots=Slots(2), **threads)) as results:
        await anext(results)

        assert len(taken) <= 2 + AHEAD


async def test_what_fails_is_raised_in_its_turn(threads):
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("the third")
        return item

    async with aclosing(in_order(iter(range(9)), work, slots=Slots(2), **threads)) as results:
        first = [await anext(results), await anext(results)]
        with pytest.raises(ValueError, match="the third"):
            await anext(results)

    assert first == [0, 1]


async def test_slots_that_shrink_let_holders_finish_and_admit_fewer():
    slots = Slots(2)
    async with slots.one():
        slots.resize(1)
        waiting = asyncio.create_task(slots.one().__aenter__())
        await asyncio.sleep(0)
        was_let_in = waiting.done()
    await waiting

    assert not was_let_in
