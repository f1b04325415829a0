from __future__ import annotations

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
PADS = "/api/v1/pads"


async def test_a_pad_is_opened_written_read_and_thrown_away(hub: Hub) -> None:
    thinker = hub.as_("module:thinker", "read:scratchpad", "write:scratchpad")
    new = {"title": "On quolls", "ttl_s": 600, "compress": False, "cause": "chat_1"}
    response = await hub.client.post(PADS, json=new, headers=thinker)
    pad = response.json()
    assert response.status_code == 201
    assert (pad["title"], pad["owner"], pad["notes"], pad["compress"]) == ("On quolls", "module:thinker", 0, False)
    assert pad["expires_at"] - pad["created_at"] == pytest.approx(600, abs=60)

    note = {"text": "They are spotted.", "data": {"sure": 0.9}}
    written = await hub.client.post(f"{PADS}/{pad['id']}/notes", json=note, headers=thinker)
    assert written.json()["notes"] == 1
    (entry,) = (await hub.client.get(f"{PADS}/{pad['id']}", headers=thinker)).json()["entries"]
    assert (entry["text"], entry["data"]) == ("They are spotted.", {"sure": 0.9})
    assert [one["id"] for one in (await hub.client.get(PADS, headers=thinker)).json()["pads"]] == [pad["id"]]

    assert (await hub.client.delete(f"{PADS}/{pad['id']}", headers=thinker)).status_code == 204
    assert (await hub.client.get(PADS, headers=thinker)).json()["pads"] == []


async def test_anothers_pad_is_not_there(hub: Hub) -> None:
    thinker = hub.as_("module:thinker", "read:scratchpad", "write:scratchpad")
    other = hub.as_("module:other", "read:scratchpad", "write:scratchpad")
    pad = f"{PADS}/{(await hub.client.post(PADS, json={}, headers=thinker)).json()['id']}"

    for method, path, body in [("GET", pad, None), ("POST", f"{pad}/notes", {"text": "x"}), ("DELETE", pad, None)]:
        assert (await hub.client.request(method, path, json=body, headers=other)).status_code == 404
    assert (await hub.client.get(f"{PADS}/crawl:queue", headers=other)).status_code == 404
    assert (await hub.client.get(pad, headers=thinker)).json()["notes"] == 0
