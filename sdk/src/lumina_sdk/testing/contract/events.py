"""Events: at least once, in order, to every group, until they are settled or dead."""

from __future__ import annotations

import asyncio

import pytest

from lumina_sdk.contract import Deliveries, FailedDelivery, NewEvent
from lumina_sdk.errors import NotFound
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["EventsContract"]

SCOPES = ("read:events", "write:events")


def numbers(read: Deliveries) -> list[object]:
    return [delivery.event.data["n"] for delivery in read.deliveries]


class EventsContract:
    async def test_an_event_arrives_as_it_was_published(self, hub: HubUnderTest) -> None:
        writer, reader = hub.client("module:writer", SCOPES), hub.client("module:reader", SCOPES)

        event_id = await writer.events.publish("graph:add", {"source": "Q1", "deep": {"a": [1, None]}}, cause="turn-1")
        (delivery,) = (await reader.events.read("graph:add", from_start=True)).deliveries

        assert delivery.attempt == 1
        assert delivery.event.id == event_id
        assert (delivery.event.type, delivery.event.stream) == ("GRAPH_ADD", "graph:add")
        assert delivery.event.source == "module:writer"
        assert delivery.event.data == {"source": "Q1", "deep": {"a": [1, None]}}
        assert delivery.event.cause == "turn-1"

    async def test_events_come_in_the_order_published(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.publish_all([NewEvent(stream="graph:add", data={"n": n}) for n in range(5)])

        first = await client.events.read("graph:add", limit=3, from_start=True)
        second = await client.events.read("graph:add", limit=3)

        assert numbers(first) == [0, 1, 2]
        assert numbers(second) == [3, 4]

    async def test_a_new_group_begins_with_what_comes_from_then_on(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.publish("graph:add", {"n": 1})

        assert not (await client.events.read("graph:add")).deliveries
        await client.events.publish("graph:add", {"n": 2})
        assert numbers(await client.events.read("graph:add")) == [2]

    async def test_every_module_and_every_group_is_given_every_event_and_replicas_share_them(
        self, hub: HubUnderTest
    ) -> None:
        one, replica, other = (hub.client(name, SCOPES) for name in ("module:one", "module:one", "module:other"))
        await one.events.publish("graph:add", {"n": 1})

        assert numbers(await one.events.read("graph:add", from_start=True, consumer="a")) == [1]
        assert numbers(await replica.events.read("graph:add", from_start=True, consumer="b")) == []
        assert numbers(await other.events.read("graph:add", from_start=True)) == [1]
        assert numbers(await one.events.read("graph:add", from_start=True, group="again")) == [1]

    async def test_what_is_done_does_not_come_again(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.publish("graph:add", {"n": 1})
        (delivery,) = (await client.events.read("graph:add", from_start=True, lease_s=1)).deliveries

        assert (await client.events.settle(done=[delivery.receipt])).done == 1
        await hub.later(2)

        assert not (await client.events.read("graph:add")).deliveries

    async def test_what_is_not_settled_comes_again_when_its_lease_ends(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.publish("graph:add", {"n": 1})
        (lost,) = (await client.events.read("graph:add", from_start=True, lease_s=1)).deliveries

        assert not (await client.events.read("graph:add")).deliveries
        await hub.later(2)
        (again,) = (await client.events.read("graph:add")).deliveries

        assert again.event == lost.event
        assert again.attempt == 2
        assert (await client.events.settle(done=[lost.receipt])).unknown == (lost.receipt,)
        assert (await client.events.settle(done=[again.receipt])).done == 1

    async def test_what_failed_is_tried_again_after_the_time_asked_for(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.publish("graph:add", {"n": 1})
        (delivery,) = (await client.events.read("graph:add", from_start=True)).deliveries
        failed = FailedDelivery(receipt=delivery.receipt, reason="not now", retry_after_s=1)

        assert (await client.events.settle(failed=[failed])).retried == 1
        assert not (await client.events.read("graph:add")).deliveries
        await hub.later(2)

        (again,) = (await client.events.read("graph:add")).deliveries
        assert again.attempt == 2

    async def test_what_keeps_failing_becomes_a_dead_letter(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        event_id = await client.events.publish("graph:add", {"n": 1})
        tries = 0
        while deliveries := (await client.events.read("graph:add", from_start=True)).deliveries:
            tries += 1
            assert tries <= 100, "it is never given up"
            await client.events.settle(failed=[FailedDelivery(receipt=deliveries[0].receipt, reason=f"try {tries}")])

        (letter,) = (await client.events.dead()).letters
        assert letter.event.id == event_id
        assert letter.attempts == tries > 1
        assert letter.reason == f"try {tries}"

    async def test_what_is_given_up_is_a_dead_letter_at_once_and_can_be_delivered_again(
        self, hub: HubUnderTest
    ) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.publish("graph:add", {"n": 1})
        (delivery,) = (await client.events.read("graph:add", from_start=True)).deliveries

        given_up = FailedDelivery(receipt=delivery.receipt, reason="no such article", give_up=True)
        assert (await client.events.settle(failed=[given_up])).dead == 1
        (letter,) = (await client.events.dead(stream="graph:add")).letters
        assert (await client.events.replay(letter.id)).retried == 1

        (again,) = (await client.events.read("graph:add")).deliveries
        assert again.event == delivery.event
        assert not (await client.events.dead()).letters

    async def test_dead_letters_are_the_readers_own(self, hub: HubUnderTest) -> None:
        client, other = hub.client("module:tested", SCOPES), hub.client("module:other", SCOPES)
        await client.events.publish("graph:add", {"n": 1})
        (delivery,) = (await client.events.read("graph:add", from_start=True)).deliveries
        await client.events.settle(failed=[FailedDelivery(receipt=delivery.receipt, reason="x", give_up=True)])
        (letter,) = (await client.events.dead()).letters

        assert not (await other.events.dead()).letters
        with pytest.raises(NotFound):
            await other.events.replay(letter.id)

    async def test_another_modules_receipt_settles_nothing(self, hub: HubUnderTest) -> None:
        client, other = hub.client("module:tested", SCOPES), hub.client("module:other", SCOPES)
        await client.events.publish("graph:add", {"n": 1})
        (delivery,) = (await client.events.read("graph:add", from_start=True)).deliveries

        assert (await other.events.settle(done=[delivery.receipt])).unknown == (delivery.receipt,)
        assert (await client.events.settle(done=[delivery.receipt])).done == 1

    async def test_an_event_of_ones_own_id_is_published_once(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        for _ in range(2):
            assert await client.events.publish_all([NewEvent(stream="graph:add", id="mine-1")]) == ("mine-1",)

        assert len((await client.events.read("graph:add", from_start=True)).deliveries) == 1

    async def test_a_publication_whose_answer_was_lost_is_published_once(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        hub.lose_answers()

        await client.events.publish("graph:add", {"n": 1})

        assert numbers(await client.events.read("graph:add", from_start=True)) == [1]

    async def test_a_reader_that_waits_is_woken_by_an_event(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)
        await client.events.read("graph:add")
        reading = asyncio.create_task(client.events.read("graph:add", wait_s=30))
        while not reading.done():
            await client.events.publish("graph:add", {"n": 1})
            await asyncio.sleep(0)
            if await _is_done_soon(reading):
                break

        assert set(numbers(await reading)) == {1}

    async def test_a_reader_that_waits_in_vain_is_told_so(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", SCOPES)

        assert not (await client.events.read("graph:add", wait_s=0.05)).deliveries

    async def test_streams_say_what_waits_in_them(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", ["read:events!stream=graph:add", "write:events"])
        await client.events.read("graph:add")
        await client.events.publish("graph:add")

        (stream,) = (await client.events.streams()).streams

        assert (stream.name, stream.type, stream.length, stream.pending) == ("graph:add", "GRAPH_ADD", 1, 1)


async def _is_done_soon(task: asyncio.Task[Deliveries]) -> bool:
    done, _ = await asyncio.wait([task], timeout=1)
    return bool(done)
