from __future__ import annotations

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
GAPS = "/api/v1/gaps"


async def test_a_gap_lives_from_its_report_to_its_answer(hub: Hub) -> None:
    planner = hub.as_("module:planner", "read:gaps", "write:gaps")
    new = {"question": "Who built Quollborough?", "topics": ["Quollborough"], "confidence": 0.2}
    response = await hub.client.post(GAPS, json=new, headers=planner)
    gap = response.json()
    assert (response.status_code, gap["state"], gap["seen"], gap["priority"]) == (201, "open", 1, 0.9)
    assert (await hub.client.post(GAPS, json={"question": "who built quollborough"}, headers=planner)).json()[
        "seen"
    ] == 2
    board = (await hub.client.get("/api/v1/queues/gaps:topics")).json()["items"]
    assert {"item": "Quollborough", "priority": -1.8} in board

    path = f"{GAPS}/{gap['id']}"
    for state in ("queued", "crawled", "indexed"):
        assert (await hub.client.patch(path, json={"state": state}, headers=planner)).json()["state"] == state
    wrong = await hub.client.patch(path, json={"state": "queued"}, headers=planner)
    assert (wrong.status_code, wrong.json()["hint"]) == (409, "May follow: closed, open, unfillable.")
    assert (await hub.client.patch(path, json={"state": "closed"}, headers=planner)).status_code == 409
    closed = await hub.client.patch(path, json={"state": "closed", "turn": "chat_1"}, headers=planner)

    assert [step["state"] for step in closed.json()["history"]] == ["open", "queued", "crawled", "indexed", "closed"]
    assert closed.json()["history"][1]["by"] == "module:planner"
    assert (await hub.client.get(path)).json() == closed.json()
    assert gap["id"] in [one["id"] for one in (await hub.client.get(GAPS, params={"state": "closed"})).json()["gaps"]]
    board = (await hub.client.get("/api/v1/queues/gaps:topics")).json()["items"]
    assert "Quollborough" not in [item["item"] for item in board]


async def test_a_gap_that_is_not_there_and_a_cursor_that_is_none(hub: Hub) -> None:
    assert (await hub.client.get(f"{GAPS}/gap_0")).status_code == 404
    assert (await hub.client.patch(f"{GAPS}/gap_0", json={"state": "queued"})).status_code == 404
    assert (await hub.client.get(GAPS, params={"after": "x"})).status_code == 422
