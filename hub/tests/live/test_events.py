from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
EVENTS = "/api/v1/events"


async def post(hub: Hub, path: str, body: object, headers: dict[str, str] | None = None, status: int = 200) -> Any:
    response = await hub.client.post(EVENTS + path, json=body, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


async def test_a_module_publishes_and_reads_and_settles(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "read:events", "write:events")
    await post(hub, "/read", {"streams": ["almanac:tick"]}, almanac)
    event = {"stream": "almanac:tick", "id": "tick-1", "data": {"day": 1}, "cause": "chat_1"}
    assert await post(hub, "", {"events": [event, event]}, almanac) == {"ids": ["tick-1", "tick-1"]}

    read = await post(hub, "/read", {"streams": ["almanac:tick"], "wait_s": 20}, almanac)

    (delivery,) = read["deliveries"]
    assert (delivery["attempt"], delivery["event"]["source"]) == (1, "module:almanac")
    assert delivery["event"]["type"] == "ALMANAC_TICK"
    assert delivery["event"]["data"] == {"day": 1}
    settled = await post(hub, "/ack", {"done": [delivery["receipt"], "almanac:tick/1-1/1"]}, almanac)
    assert settled == {"done": 1, "retried": 0, "dead": 0, "unknown": ["almanac:tick/1-1/1"]}


async def test_what_is_given_up_is_listed_and_delivered_again(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "read:events!stream=almanac:bad", "write:events!stream=almanac:bad")
    await post(hub, "", {"events": [{"stream": "almanac:bad", "data": {"day": 2}}]}, almanac)
    reading = {"streams": ["almanac:bad"], "from_start": True}
    (delivery,) = (await post(hub, "/read", reading, almanac))["deliveries"]
    failed = {"receipt": delivery["receipt"], "reason": "no such day", "give_up": True}
    assert (await post(hub, "/ack", {"failed": [failed]}, almanac))["dead"] == 1

    (letter,) = (await hub.client.get(f"{EVENTS}/dead", headers=almanac)).json()["letters"]
    assert (letter["reason"], letter["event"]["data"]) == ("no such day", {"day": 2})
    (stream,) = (await hub.client.get(f"{EVENTS}/streams", headers=almanac)).json()["streams"]
    assert (stream["name"], stream["length"], stream["pending"], stream["dead"]) == ("almanac:bad", 1, 0, 1)
    assert (await hub.client.get(f"{EVENTS}/dead")).json()["letters"] == []

    assert (await post(hub, "/dead/replay", {"ids": [letter["id"], "0-1"]}, almanac))["unknown"] == ["0-1"]
    (again,) = (await post(hub, "/read", reading, almanac))["deliveries"]
    assert again["event"] == delivery["event"]


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("", {"events": [{"stream": "qa:turn"}, {"stream": "almanac:tick"}]}, "write:events!stream=qa:turn"),
        ("/read", {"streams": ["qa:turn", "almanac:tick"]}, "read:events!stream=qa:turn"),
    ],
)
async def test_a_stream_that_was_not_granted_is_refused_by_name(
    hub: Hub, path: str, body: object, missing: str
) -> None:
    scopes = ["read:events!stream=almanac:tick", "write:events!stream=almanac:tick"]
    problem = await post(hub, path, body, hub.as_("module:almanac", *scopes), 403)

    assert problem["missing_scope"] == missing
    assert (await post(hub, path, body, hub.as_("module:almanac", "read:graph"), 403))["missing_scope"] == (
        "write:events" if path == "" else "read:events"
    )


async def test_what_is_no_receipt_or_cursor_is_a_problem(hub: Hub) -> None:
    assert (await post(hub, "/ack", {"done": ["nonsense"]}, status=400))["type"] == "/problems/invalid-input"
    response = await hub.client.get(f"{EVENTS}/dead", params={"before": "nonsense"})
    assert response.status_code == 400


async def test_the_hub_tells_of_articles_once_they_can_be_found_and_of_turns(hub: Hub, notes: Path) -> None:
    listener = hub.as_("module:listener", "read:events")
    reading = {"streams": ["graph:add", "qa:turn"], "limit": 100, "wait_s": 60}
    await post(hub, "/read", reading | {"wait_s": 0}, listener)
    (notes / "quokka.md").write_text("# Quokkaville\n\nQuokkaville is a town of quokkas.\n")
    await hub.ingest(notes)
    await hub.client.post("/api/v1/chat", json={"query": "What is Quokkaville?"})

    told: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while len({event["type"] for event in told}) < 2:
            told += [one["event"] for one in (await post(hub, "/read", reading, listener))["deliveries"]]

    added = next(event for event in told if event["data"].get("title") == "Quokkaville")
    assert (added["type"], added["source"]) == ("GRAPH_ADD", "core")
    assert added["data"]["source"] == await hub.find_article("Quokkaville")
    assert added["data"]["label"] == "ingested"
    turn = next(event for event in told if event["type"] == "QA_TURN")
    assert turn["id"] == turn["data"]["turn"]
    assert "quokka" not in str(turn["data"]).lower()


async def test_a_client_that_goes_away_is_given_nothing(hub: Hub) -> None:
    gone = hub.as_("module:gone", "read:events", "write:events")
    await post(hub, "/read", {"streams": ["gone:tick"]}, gone)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await post(hub, "/read", {"streams": ["gone:tick"], "wait_s": 60}, gone)

    await post(hub, "", {"events": [{"stream": "gone:tick"}]}, gone)
    assert len((await post(hub, "/read", {"streams": ["gone:tick"], "wait_s": 60}, gone))["deliveries"]) == 1
