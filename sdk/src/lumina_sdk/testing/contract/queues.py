"""Queues: the most urgent first, held for a while, and back when they are not settled."""

from __future__ import annotations

import asyncio

import pytest

from lumina_sdk.contract import QueueItem, TakenItems
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["QueuesContract"]

SCOPES = ("read:queues", "write:queues")
QUEUE = "crawl:queue"


def names(taken: TakenItems) -> list[str]:
    return [item.item for item in taken.items]


class QueuesContract:
    async def test_the_lowest_priority_is_taken_first(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        items = [QueueItem(item=name, priority=priority) for name, priority in (("c", 3), ("a", 1), ("b", 2))]
        assert (await client.queues.add(QUEUE, *items)).depth == 3

        assert names(await client.queues.take(QUEUE, limit=2)) == ["a", "b"]
        assert names(await client.queues.take(QUEUE, limit=2)) == ["c"]
        assert names(await client.queues.take(QUEUE)) == []

    async def test_an_item_is_in_a_queue_once_and_added_again_changes_its_priority(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.queues.add(QUEUE, "a", priority=5)

        again = await client.queues.add(QUEUE, "a", "b", priority=1)
        kept = await client.queues.add(QUEUE, "b", priority=9, keep_priority=True)

        assert (again.added, again.depth, kept.added) == (1, 2, 0)
        waiting = (await client.queues.peek(QUEUE)).items
        assert [(item.item, item.priority) for item in waiting] == [("a", 1), ("b", 1)]

    async def test_looking_takes_nothing(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.queues.add(QUEUE, "a", "b")

        assert (await client.queues.peek(QUEUE, limit=1)).depth == 2
        assert len(names(await client.queues.take(QUEUE, limit=5))) == 2

    async def test_what_is_done_is_gone_and_what_goes_back_is_taken_again(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.queues.add(QUEUE, "a", "b", priority=4)
        first, second = (await client.queues.take(QUEUE, limit=2, lease_s=1)).items

        settled = await client.queues.settle(QUEUE, done=[first.receipt], back=[second.receipt])
        await hub.later(2)

        assert (settled.done, settled.back, settled.unknown) == (1, 1, ())
        (again,) = (await client.queues.take(QUEUE, limit=2)).items
        assert (again.item, again.priority, again.attempt) == ("b", 4, 2)

    async def test_what_is_not_settled_can_be_taken_by_others_when_its_lease_ends(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.queues.add(QUEUE, "a")
        (lost,) = (await client.queues.take(QUEUE, lease_s=1)).items

        assert names(await client.queues.take(QUEUE)) == []
        await hub.later(2)
        (again,) = (await client.queues.take(QUEUE)).items

        assert again.attempt == 2
        assert (await client.queues.settle(QUEUE, done=[lost.receipt])).unknown == (lost.receipt,)
        assert (await client.queues.settle(QUEUE, done=[again.receipt])).done == 1

    async def test_work_that_raises_goes_back(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.queues.add(QUEUE, "a")

        with pytest.raises(ZeroDivisionError):
            async with client.queues.work(QUEUE):
                raise ZeroDivisionError
        async with client.queues.work(QUEUE) as item:
            assert item is not None
            assert item.item == "a"
        async with client.queues.work(QUEUE) as nothing:
            assert nothing is None

    async def test_what_was_taken_with_an_answer_that_was_lost_is_taken_once(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.queues.add(QUEUE, "a", "b")
        hub.lose_answers()

        assert names(await client.queues.take(QUEUE)) == ["a"]
        assert (await client.queues.peek(QUEUE)).depth == 1

    async def test_who_waits_is_woken_by_an_item(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        taking = asyncio.create_task(client.queues.take(QUEUE, wait_s=30))
        await asyncio.sleep(0)
        await client.queues.add(QUEUE, "a")

        assert names(await taking) == ["a"]

    async def test_queues_are_listed_with_what_waits_as_far_as_they_may_be_read(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", ["read:queues!queue=crawl:queue", "write:queues"])
        await client.queues.add(QUEUE, "a", "b")
        await client.queues.take(QUEUE)

        (queue,) = (await client.queues.list()).queues

        assert (queue.name, queue.depth, queue.held) == (QUEUE, 1, 1)
