"""Redis killed while requests are on their way: no request hangs, nothing acknowledged is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.processes


def test_redis_killed_amid_questions_loses_no_turn_and_is_back_by_itself(hub, notes):
    hub.start()
    hub.ingest(notes(["Aarau", "Biel"]))
    client = hub.client

    def ask(number: int):
        return client.post("/api/v1/chat", json={"query": f"What do the people of Aarau sell, asks {number}?"})

    with ThreadPoolExecutor(4) as askers:
        asking = [askers.submit(ask, number) for number in range(24)]
        asking[4].result()
        hub.child("redis-server").kill()
        responses = [each.result() for each in asking]
    hub.until_ready()
    after = ask(99)

    acknowledged = [response.json()["id"] for response in responses if response.is_success]
    assert {response.status_code for response in responses} <= {200, 503}
    assert after.status_code == 200
    for turn_id in [*acknowledged, after.json()["id"]]:
        assert hub.get(f"/chat/turns/{turn_id}")["id"] == turn_id
    journal = [record["id"] for record in hub.log("chat/turns")]
    assert [journal.count(turn_id) for turn_id in acknowledged] == [1] * len(acknowledged)
