"""Everything derived from conversations lost at once: a reindex brings all of it back from the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lumina_core.drivers.redis_client import connect_redis
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.memory.scratchpad import ScratchPads

pytestmark = pytest.mark.processes

CONVERSATION = ("What do the people of Aarau sell?", "On which river is it?", "What is Biel?", "What do they sell?")


def conversation(hub: Any) -> dict[str, Any]:
    """What the hub shows of its sessions."""
    return {
        "sessions": hub.get("/chat/sessions"),
        "history": hub.get("/chat/turns", session="walk"),
        "turns": hub.get("/status")["turns"],
    }


async def keep_a_note(hub: Any) -> None:
    """Leave a finished pad behind and wait for what the hub makes of it."""
    redis = connect_redis(f"unix://{hub.home / 'redis' / 'redis.sock'}")
    store = await EdgeStore.connect(hub.home / "index" / "edge" / "edge.sock")
    try:
        pad = await ScratchPads(redis).create("owner")
        await pad.write("The cheese of Aarau is sold on Tuesdays.")
        await pad.finish()
        async with asyncio.timeout(60):
            while not await store.count("scratch_mem"):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.05)
    finally:
        await store.close()
        await redis.aclose()


async def lose_everything(hub: Any) -> None:
    redis = connect_redis(f"unix://{hub.home / 'redis' / 'redis.sock'}")
    store = await EdgeStore.connect(hub.home / "index" / "edge" / "edge.sock")
    try:
        await redis.flushall()
        for collection in ("chat_long", "scratch_mem"):
            await store.drop(collection)
    finally:
        await store.close()
        await redis.aclose()


async def kept(hub: Any, *, turns: int) -> dict[str, Any]:
    """What Redis and the index hold of conversations, once the index has every turn."""
    redis = connect_redis(f"unix://{hub.home / 'redis' / 'redis.sock'}")
    store = await EdgeStore.connect(hub.home / "index" / "edge" / "edge.sock")
    try:
        async with asyncio.timeout(60):
            while await store.count("chat_long") < turns:  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.05)
        keys: list[Any] = sorted(await redis.keys("chat:*"))
        holding: dict[str, Any] = {}
        for key in keys:
            is_set = await redis.type(key) == "zset"
            holding[key] = await redis.zrange(key, 0, -1, withscores=True) if is_set else await redis.get(key)
        holding.pop("chat:cursor", None)  # it moves when Redis is caught up, not with every turn
        for collection in ("chat_long", "scratch_mem"):
            page, _ = await store.scroll(collection)
            holding[collection] = {record.id: record.payload for record in page}
        return holding
    finally:
        await store.close()
        await redis.aclose()


def test_a_reindex_brings_back_sessions_history_recall_and_notes(hub: Any, notes: Any) -> None:
    hub.environment["PAD_TTL"] = "3"
    hub.start()
    hub.ingest(notes(["Aarau", "Biel"]))
    asked = [hub.post("/chat", {"query": query, "session": "walk"}) for query in CONVERSATION]
    assert "Aarau" in asked[1]["searched_for"]
    asyncio.run(keep_a_note(hub))
    again = {"query": "What was it that the people of Aarau sell?"}
    recalled = hub.post("/chat", {**again, "session": "before"})["recalled"]
    assert asked[0]["id"] in recalled
    shown, held = conversation(hub), asyncio.run(kept(hub, turns=len(asked) + 1))

    asyncio.run(lose_everything(hub))
    hub.post("/reindex")
    hub.until("/reindex", lambda progress: progress["state"] == "idle")
    hub.until_ready()

    assert conversation(hub) == shown
    rebuilt = asyncio.run(kept(hub, turns=len(asked) + 1))
    assert rebuilt.keys() == held.keys()
    assert rebuilt == held
    after = hub.post("/chat", {"query": "What do they sell there?", "session": "walk"})
    assert after["searched_for"] is not None
    assert set(recalled) & set(hub.post("/chat", {**again, "session": "after"})["recalled"])
