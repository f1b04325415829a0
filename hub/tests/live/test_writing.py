"""What a module adds to the graph and to past turns."""

from __future__ import annotations

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
ARTICLES = "/api/v1/graph/articles"


async def test_an_article_a_module_adds_is_found_and_changed_and_removed(hub: Hub) -> None:
    crawler = hub.as_("module:crawler", "read:graph", "write:graph")
    new = {"name": "bettong", "title": "Bettongia", "text": "Bettongia is ruled by a council of nine.", "url": "x:1"}
    added = (await hub.client.post(ARTICLES, json={"articles": [new, new]}, headers=crawler)).json()["articles"]
    article = added[0]["id"]
    assert [one["new"] for one in added] == [True, False]
    shown = (await hub.client.get(f"{ARTICLES}/{article}")).json()
    assert (shown["title"], shown["source"], shown["text"]) == ("Bettongia", "module:crawler", new["text"])
    await hub.runtime.reindex._indexer.wait_until(hub.runtime.graph._graph.position)
    answer = (await hub.client.post("/api/v1/chat", json={"query": "Who rules Bettongia?"})).json()
    assert "council of nine" in answer["answer"]

    changed = new | {"text": "Bettongia is ruled by a council of ten.", "source": "pages"}
    other = (await hub.client.post(ARTICLES, json={"articles": [changed]}, headers=crawler)).json()["articles"][0]
    assert other["id"] != article  # another source of the module's
    assert (await hub.client.delete(f"{ARTICLES}/{article}", headers=crawler)).status_code == 204
    assert (await hub.client.get(f"{ARTICLES}/{article}")).status_code == 404
    assert (await hub.client.delete(f"{ARTICLES}/{article}", headers=crawler)).status_code == 404


async def test_what_another_added_only_the_operator_removes(hub: Hub) -> None:
    new = {"name": "n", "title": "Chudditchia", "text": "A land of chudditches."}
    crawler, other = hub.as_("module:crawler", "write:graph"), hub.as_("module:craw", "write:graph")
    (added,) = (await hub.client.post(ARTICLES, json={"articles": [new]}, headers=crawler)).json()["articles"]

    refused = await hub.client.delete(f"{ARTICLES}/{added['id']}", headers=other)

    assert (refused.status_code, refused.json()["missing_scope"]) == (403, "admin:hub")
    assert (await hub.client.delete(f"{ARTICLES}/{added['id']}")).status_code == 204


async def test_a_relation_is_put_and_taken_away(hub: Hub) -> None:
    linker = hub.as_("module:linker", "write:graph")
    news = [{"name": name, "title": name, "text": f"{name} is a place."} for name in ("Kowaria", "Mulgara")]
    one, other = (await hub.client.post(ARTICLES, json={"articles": news}, headers=linker)).json()["articles"]
    path = f"{ARTICLES}/{one['id']}/links"

    assert (
        await hub.client.put(path, json={"relation": "semantic", "targets": ["Mulgara"]}, headers=linker)
    ).status_code == 204
    links = (await hub.client.get(path)).json()["links_from"]
    assert links == [{"id": other["id"], "title": "Mulgara", "relations": ["semantic"]}]
    await hub.client.put(path, json={"relation": "semantic"}, headers=linker)
    assert (await hub.client.get(path)).json()["links_from"] == []
    refused = await hub.client.put(path, json={"relation": "page_link", "targets": ["x"]}, headers=linker)
    assert refused.status_code == 400
    assert (await hub.client.put(f"{ARTICLES}/art_0/links", json={"relation": "semantic"})).status_code == 404


async def test_a_turn_of_elsewhere_is_remembered_as_the_callers(hub: Hub) -> None:
    bot = hub.as_("module:bot", "read:chat_history", "write:chat_history")
    turn = {
        "session": "s1",
        "user": "Where do potoroos sleep?",
        "assistant": "In nests of grass.",
        "confidence": 0.7,
        "cite_ids": ["Q42"],
        "ts": 1_700_000_000.5,
    }
    response = await hub.client.post("/api/v1/chat/turns", json=turn, headers=bot)
    kept = response.json()
    assert response.status_code == 201
    assert {name: kept[name] for name in turn} == turn
    assert (await hub.client.get(f"/api/v1/chat/turns/{kept['id']}", headers=bot)).json() == kept
    assert (await hub.client.get(f"/api/v1/chat/turns/{kept['id']}")).status_code == 404


async def test_the_caller_is_told_who_it_is(hub: Hub) -> None:
    me = (await hub.client.get("/api/v1/me", headers=hub.as_("module:bot", "chat", "read:graph"))).json()

    assert (me["id"], me["scopes"]) == ("module:bot", ["chat", "read:graph"])
