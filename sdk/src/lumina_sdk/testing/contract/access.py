"""Who may do what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from lumina_sdk.client import HubClient
from lumina_sdk.contract import GapState, GapUpdate, NewArticle, NewEvent, NewGap, NewTurn, Point
from lumina_sdk.errors import Conflict, InvalidInput, MissingScope, NotFound
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["AccessContract"]

Call = Callable[[HubClient], Awaitable[object]]

CALLS: dict[str, tuple[str, Call]] = {
    "search": ("read:vector_store", lambda hub: hub.search("a")),
    "ask": ("chat", lambda hub: hub.ask("a?")),
    "embed": ("use:embeddings", lambda hub: hub.embed("a")),
    "generate": ("use:llm", lambda hub: hub.engine.generate("a")),
    "engine": ("use:llm", lambda hub: hub.engine.info()),
    "status": ("read:metrics", lambda hub: hub.status()),
    "modules": ("read:modules", lambda hub: hub.modules()),
    "articles": ("read:graph", lambda hub: hub.graph.articles()),
    "add articles": ("write:graph", lambda hub: hub.graph.add(NewArticle(name="a", title="A", text="A."))),
    "delete article": ("write:graph", lambda hub: hub.graph.delete("art_000000000000")),
    "relate": ("write:graph", lambda hub: hub.graph.relate("art_000000000000", "semantic", "B")),
    "turns": ("read:chat_history", lambda hub: hub.turns.list()),
    "sessions": ("read:chat_history", lambda hub: hub.turns.sessions()),
    "add turn": ("write:chat_history", lambda hub: hub.turns.add(NewTurn(session="s", user="a?", assistant="b"))),
    "open pad": ("write:scratchpad", lambda hub: hub.pads.open()),
    "pads": ("read:scratchpad", lambda hub: hub.pads.list()),
    "publish": ("write:events!stream=graph:add", lambda hub: hub.events.publish("graph:add")),
    "read events": ("read:events!stream=graph:add", lambda hub: hub.events.read("graph:add")),
    "add to queue": ("write:queues!queue=crawl:queue", lambda hub: hub.queues.add("crawl:queue", "a")),
    "take": ("write:queues!queue=crawl:queue", lambda hub: hub.queues.take("crawl:queue")),
    "peek": ("read:queues!queue=crawl:queue", lambda hub: hub.queues.peek("crawl:queue")),
    "gaps": ("read:gaps", lambda hub: hub.gaps.list()),
    "report gap": ("write:gaps", lambda hub: hub.gaps.report(NewGap(question="a?"))),
    "update gap": ("write:gaps", lambda hub: hub.gaps.update("gap_0", GapUpdate(state=GapState.QUEUED))),
    "collections": ("read:vector_store", lambda hub: hub.vectors.collections()),
    "create collection": ("write:vector_store!collection=tested.a", lambda hub: hub.vectors.create("tested.a")),
    "upsert": (
        "write:vector_store!collection=tested.a",
        lambda hub: hub.vectors.upsert("tested.a", Point(id="a", vector=(1.0,))),
    ),
    "search points": ("read:vector_store!collection=tested.a", lambda hub: hub.vectors.search("tested.a", [1.0])),
}


class AccessContract:
    async def test_a_token_says_who_and_what(self, hub: HubUnderTest) -> None:
        me = await hub.client("module:tested", ["read:graph", "chat"]).me()

        assert me.id == "module:tested"
        assert set(me.scopes) == {"chat", "read:graph"}

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    async def test_without_its_scope_a_call_is_refused_and_the_scope_is_named(
        self, hub: HubUnderTest, call: tuple[str, Call]
    ) -> None:
        scope, send = call
        with pytest.raises(MissingScope) as caught:
            await send(hub.client("module:tested"))

        (missing,) = caught.value.missing
        assert missing in (scope, scope.partition("!")[0])

    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
    async def test_its_scope_alone_is_enough_for_a_call(self, hub: HubUnderTest, call: tuple[str, Call]) -> None:
        scope, send = call
        try:
            await send(hub.client("module:tested", [scope]))
        except MissingScope as error:
            pytest.fail(f"{scope} is not enough: {error.missing}")
        except (NotFound, Conflict, InvalidInput):
            pass  # what it is about is not there: the scope was not the matter

    async def test_a_scope_for_one_stream_is_not_one_for_another(self, hub: HubUnderTest) -> None:
        client = hub.client("module:tested", ["read:events!stream=graph:add", "write:events!stream=graph:add"])

        with pytest.raises(MissingScope) as caught:
            await client.events.read("graph:add", "gap:req")
        assert caught.value.missing == ("read:events!stream=gap:req",)
        with pytest.raises(MissingScope):
            await client.events.publish_all([NewEvent(stream="graph:add"), NewEvent(stream="gap:req")])
        assert not (await client.events.read("graph:add", from_start=True)).deliveries
