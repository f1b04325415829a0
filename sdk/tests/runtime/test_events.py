from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from lumina_sdk.app import Module
from lumina_sdk.contract import Event, Problem
from lumina_sdk.errors import GiveUp
from lumina_sdk.testing import FakeHub, run_module

SCOPES = ("read:events", "write:events")


class Article(BaseModel):
    source: str


AWAY = Problem(type="/problems/not-ready", title="?", status=503, detail="Away.")


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks go on until something is so, within one bound."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is in the code under test, and has no event
            await asyncio.sleep(0)


def pending(hub: FakeHub) -> int:
    """How many events of graph:add the module has not settled."""
    principal = hub.access.identify(f"Bearer {hub.token('module:tested', SCOPES)}")
    return {stream.name: stream.pending for stream in hub.events.streams(principal).streams}["graph:add"]


def following(module: Module[Any], hub: FakeHub) -> Any:
    return run_module(module, hub, scopes=SCOPES, pump=True)


async def read_once(hub: FakeHub) -> None:
    """Wait until the module has asked for events, so that its group is there."""
    await until(lambda: bool(hub.events.followers("graph:add")))


async def test_events_are_handled_in_order_and_settled() -> None:
    hub, module, met = FakeHub(), Module(), []

    @module.on("graph:add")
    async def note(event: Event) -> None:
        met.append(event.data["n"])

    async with following(module, hub):
        await read_once(hub)
        for n in range(5):
            hub.events.publish("graph:add", {"n": n})
        await until(lambda: len(met) == 5 and pending(hub) == 0)

    assert met == [0, 1, 2, 3, 4]


async def test_an_event_whose_handler_raises_comes_again_and_is_a_dead_letter_in_the_end() -> None:
    hub, module, met = FakeHub(), Module(), []

    @module.on("graph:add")
    async def note(event: Event) -> None:
        met.append(event.id)
        raise ZeroDivisionError("no")

    principal = hub.access.identify(f"Bearer {hub.token('module:tested', SCOPES)}")
    async with following(module, hub):
        await read_once(hub)
        event = hub.events.publish("graph:add")

        tries = 0
        while not hub.events.dead(principal, None):
            tries += 1
            await until(lambda tries=tries: len(met) == tries and hub.events.held("graph:add") == 0)
            hub.clock.advance(600)
            hub.events.publish("gap:req")  # wakes readers, for which the fake's time does not pass by itself

    (letter,) = hub.events.dead(principal, None)
    assert letter.event == event
    assert letter.attempts == len(met) > 1
    assert letter.reason == "ZeroDivisionError: no"


async def test_an_event_that_is_given_up_or_does_not_fit_is_a_dead_letter_at_once() -> None:
    hub, module, met = FakeHub(), Module(), []

    @module.on("graph:add")
    async def note(article: Article) -> None:
        met.append(article.source)
        raise GiveUp("no such article")

    principal = hub.access.identify(f"Bearer {hub.token('module:tested', SCOPES)}")
    async with following(module, hub):
        await read_once(hub)
        hub.events.publish("graph:add", {"source": "Q1"})
        hub.events.publish("graph:add", {"wrong": "Q2"})
        await until(lambda: len(hub.events.dead(principal, None)) == 2)

    misfit, given_up = hub.events.dead(principal, None)
    assert met == ["Q1"]
    assert given_up.reason == "no such article"
    assert "source" in misfit.reason


async def test_as_many_events_are_handled_at_one_time_as_were_asked_for() -> None:
    hub, module = FakeHub(), Module()
    go_on = asyncio.Event()
    now, most = 0, 0

    @module.on("graph:add", concurrency=3)
    async def note(event: Event) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await go_on.wait()
        now -= 1

    async with following(module, hub):
        await read_once(hub)
        for n in range(7):
            hub.events.publish("graph:add", {"n": n})
        await until(lambda: now == 3)
        go_on.set()
        await until(lambda: pending(hub) == 0)

    assert most == 3


async def test_a_hub_that_is_away_for_a_while_loses_nothing() -> None:
    hub, module, met = FakeHub(), Module(), []

    @module.on("graph:add")
    async def note(event: Event) -> None:
        met.append(event.data["n"])
        hub.refuse(*[AWAY] * 6)

    async with following(module, hub):
        await read_once(hub)
        hub.events.publish("graph:add", {"n": 1})
        hub.events.publish("graph:add", {"n": 2})
        await until(lambda: len(met) >= 2 and pending(hub) == 0)

    assert met == [1, 2]


async def test_a_module_that_stops_finishes_what_it_has_begun() -> None:
    hub, module, met = FakeHub(), Module(), []
    begun = asyncio.Event()

    @module.on("graph:add")
    async def note(event: Event) -> None:
        begun.set()
        for _ in range(100):
            await asyncio.sleep(0)
        met.append(event.id)

    async with following(module, hub):
        await read_once(hub)
        event = hub.events.publish("graph:add")
        await begun.wait()

    assert met == [event.id]
    assert pending(hub) == 0


async def test_what_became_of_events_is_counted() -> None:
    hub, module = FakeHub(), Module()

    @module.on("graph:add")
    async def note(event: Event) -> None:
        if event.data["n"] == 2:
            raise GiveUp("two")

    async with following(module, hub) as running, running.stranger() as client:
        await read_once(hub)
        for n in (1, 2, 3):
            hub.events.publish("graph:add", {"n": n})
        await until(lambda: pending(hub) == 0)
        text = (await client.get("/_lumina/metrics")).text

    assert 'lumina_module_events_total{outcome="done",stream="graph:add"} 2.0' in text
    assert 'lumina_module_events_total{outcome="given_up",stream="graph:add"} 1.0' in text


@pytest.mark.parametrize("pump", [False, True])
async def test_a_module_without_handlers_asks_for_no_events(pump: bool) -> None:
    hub = FakeHub()

    async with run_module(Module(), hub, pump=pump):
        pass

    assert hub.requests == []
