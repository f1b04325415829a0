from __future__ import annotations

import asyncio
from functools import partial

from lumina_core.drivers.vector_stores.edge_schedule import Job, Schedule


def fill(schedule: Schedule, done: list[str], client: str, names: str, *, writes: bool, collection: str = "c") -> None:
    for name in names:
        schedule.add(Job(client, collection, writes, partial(done.append, client + name)))


async def test_searches_go_before_writes_and_clients_take_turns() -> None:
    schedule, done = Schedule(), list[str]()
    fill(schedule, done, "a", "12", writes=True)
    fill(schedule, done, "b", "345", writes=False)
    fill(schedule, done, "c", "6", writes=False)

    schedule.drain()

    assert done == ["b3", "c6", "b4", "b5", "a1", "a2"]


async def test_a_write_gets_its_turn_among_endless_searches() -> None:
    schedule, done = Schedule(), list[str]()
    fill(schedule, done, "w", "1", writes=True)
    fill(schedule, done, "r", "x" * 40, writes=False)

    schedule.drain()

    assert done.index("w1") == 16


async def test_writes_to_a_held_collection_wait_and_others_do_not() -> None:
    schedule, done = Schedule(), list[str]()
    fill(schedule, done, "a", "1", writes=True, collection="held")
    fill(schedule, done, "b", "2", writes=True, collection="free")
    fill(schedule, done, "b", "3", writes=False, collection="held")
    schedule.hold("held")

    schedule.drain()
    before = list(done)
    schedule.release("held")
    schedule.drain()

    assert before == ["b3", "b2"]
    assert done == ["b3", "b2", "a1"]


async def test_jobs_that_arrive_later_are_run_too() -> None:
    schedule, seen = Schedule(), asyncio.Event()
    running = asyncio.create_task(schedule.run())
    await asyncio.sleep(0)

    schedule.add(Job("a", "c", True, seen.set))

    async with asyncio.timeout(30):
        await seen.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert seen.is_set()


async def test_a_quiet_moment_is_at_once_where_nobody_searches_and_is_not_waited_for_without_end() -> None:
    schedule = Schedule()
    schedule.add(Job("writer", "c", True, lambda: None))
    async with asyncio.timeout(10):
        await schedule.quiet(3600)

        schedule.add(Job("reader", "c", False, lambda: None))
        await schedule.quiet(0)
