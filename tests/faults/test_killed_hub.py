"""`kill -9` of the hub, twenty times: what was acknowledged is there afterwards, once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from lumina_core.graph.catalogue import Catalogue
from lumina_core.text.chunking import chunk_article

pytestmark = pytest.mark.processes

KILLS_DURING_INGEST = 7
KILLS_DURING_CHAT = 7
KILLS_DURING_REINDEX = 6


def expected_chunks(hub) -> list[str]:
    """The ids of the chunks of every live article, by the log alone."""
    catalogue = Catalogue.open(hub.home / "fresh.sqlite", hub.home / "graphs")
    try:
        articles = [catalogue.read_article(row.id) for row in catalogue.articles(limit=10_000)]
    finally:
        catalogue.close()
    return sorted(str(chunk.id) for article in articles for chunk in chunk_article(article))


def indexed_chunks(hub) -> list[str]:
    return sorted(record.id for record in hub.indexed("chunks"))


def test_killed_during_ingest_every_article_is_there_once(hub, notes, soak):
    names = [f"Dorf{number}" for number in range(150)]
    folder = notes(names)
    chance = random.Random(7)
    hub.start()
    job = hub.post("/ingest", {"source": str(folder)})
    path = f"/ingest/jobs/{job['id']}"
    acknowledged = 0

    for _ in range(KILLS_DURING_INGEST * soak):
        seen = hub.get(path)
        some = chance.randrange(1, 20)
        reached = hub.until(
            path,
            lambda job, seen=seen, some=some: (
                job["state"] == "done"
                or job["articles"] + job["unchanged"] >= seen["articles"] + some
                or job["chunks"] >= some
            ),
        )
        acknowledged = max(acknowledged, reached["articles"])
        hub.kill()
        assert len({record["id"] for record in hub.log("articles/articles")}) >= acknowledged
        hub.start()
    job = hub.until(path, lambda job: job["state"] not in ("queued", "running", "indexing"))
    status = hub.get("/status")
    hub.stop()

    assert job["state"] == "done"
    assert status["articles"] == len(names)
    assert Counter(record["title"] for record in hub.log("articles/articles")) == dict.fromkeys(names, 1)
    assert indexed_chunks(hub) == expected_chunks(hub)


def test_killed_during_chat_every_acknowledged_turn_is_there_once(hub, notes, soak):
    hub.start()
    hub.ingest(notes([f"Dorf{number}" for number in range(5)]))
    acknowledged: dict[str, str] = {}

    for kill in range(KILLS_DURING_CHAT * soak):
        enough = threading.Event()

        def ask(
            number: int, kill: int = kill, enough: threading.Event = enough, client: httpx.Client = hub.client
        ) -> None:
            while True:
                question = f"When was the church of Dorf{number} built, asks {kill}?"
                try:
                    response = client.post("/api/v1/chat", json={"query": question, "session": f"session-{number}"})
                except httpx.TransportError:
                    return  # the hub is dead, and nobody told us anything
                if response.is_success:
                    acknowledged[response.json()["id"]] = question
                    if len(acknowledged) % 5 == 0:
                        enough.set()

        with ThreadPoolExecutor(4) as askers:
            asking = [askers.submit(ask, number) for number in range(4)]
            assert enough.wait(120)
            hub.kill()
            for each in asking:
                each.result()
        hub.start()

    shown = {turn_id: hub.get(f"/chat/turns/{turn_id}") for turn_id in acknowledged}
    journal = Counter(record["id"] for record in hub.log("chat/turns"))
    hub.stop()
    recalled = Counter(record.id for record in hub.indexed("chat_long"))

    assert {turn_id: turn["user"] for turn_id, turn in shown.items()} == acknowledged
    assert {turn_id: journal[turn_id] for turn_id in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert {turn_id: recalled[turn_id] for turn_id in acknowledged} == dict.fromkeys(acknowledged, 1)


def test_killed_during_reindex_it_goes_on_by_itself_and_ends_whole(hub, notes, soak):
    hub.start()
    hub.ingest(notes([f"Dorf{number}" for number in range(120)]))
    chance = random.Random(3)

    for _ in range(KILLS_DURING_REINDEX * soak):
        if hub.get("/reindex")["state"] != "running":
            hub.post("/reindex")
        some = chance.randrange(0, 60)
        hub.until("/reindex", lambda job, some=some: job["state"] != "running" or job["done"] >= some)
        hub.kill()
        hub.start()
    done = hub.until("/reindex", lambda job: job["state"] != "running")
    hub.stop()

    assert done["state"] in ("idle", "done")
    assert indexed_chunks(hub) == expected_chunks(hub)
