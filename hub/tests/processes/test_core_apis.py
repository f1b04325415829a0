"""What modules entrust to the hub, and a hub that stops or is killed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from redis import Redis

from .conftest import HubProcess, StartHub

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]


def sent(hub: HubProcess, method: str, path: str, body: object = None, **more: Any) -> Any:
    response = hub.client.request(method, f"/api/v1{path}", json=body, **more)
    assert response.is_success, response.text
    return response.json()


def test_what_was_acknowledged_survives_a_killed_hub(start_hub: StartHub) -> None:
    hub = start_hub()
    reading = {"streams": ["almanac:tick"], "from_start": True, "lease_s": 1}
    sent(hub, "POST", "/events", {"events": [{"stream": "almanac:tick", "id": "one", "data": {"day": 1}}]})
    (held,) = sent(hub, "POST", "/events/read", reading)["deliveries"]
    sent(hub, "POST", "/queues/crawl:queue/items", {"items": [{"item": "Alabama", "priority": 3}]})
    (taken,) = sent(hub, "POST", "/queues/crawl:queue/take", {"lease_s": 1})["items"]
    gap = sent(hub, "POST", "/gaps", {"question": "Who built it?", "topics": ["Alhambra"]})
    storage = {"params": {"module": "almanac"}}
    sent(hub, "PUT", "/storage/values/day", {"value": 1}, **storage)
    hub.client.put("/api/v1/storage/files/a/b", content=b"bytes", **storage).raise_for_status()
    sent(hub, "PUT", "/vectors/almanac.days", {"dim": 2})
    sent(hub, "POST", "/vectors/almanac.days/points", {"points": [{"id": "x", "vector": [1, 0]}]})
    assert hub.kill() == []

    hub = start_hub()
    (again,) = sent(hub, "POST", "/events/read", reading | {"wait_s": 60})["deliveries"]
    assert (again["event"], again["attempt"]) == (held["event"], 2)
    assert sent(hub, "POST", "/events/ack", {"done": [held["receipt"], again["receipt"]]})["done"] == 1
    (back,) = sent(hub, "POST", "/queues/crawl:queue/take", {"wait_s": 60})["items"]
    assert (back["item"], back["priority"], back["attempt"]) == (taken["item"], 3, 2)
    assert sent(hub, "GET", f"/gaps/{gap['id']}") == gap
    assert [one["item"] for one in sent(hub, "GET", "/queues/gaps:topics")["items"]] == ["Alhambra"]
    assert sent(hub, "GET", "/storage/values/day", **storage)["value"] == 1
    assert hub.client.get("/api/v1/storage/files/a/b", **storage).content == b"bytes"
    assert sent(hub, "POST", "/vectors/almanac.days/search", {"vector": [1, 0]})["points"][0]["id"] == "x"
    assert hub.stop() == 0


def test_a_hub_that_stops_answers_those_who_wait(start_hub: StartHub) -> None:
    hub = start_hub()
    answers: list[Any] = []

    def wait() -> None:
        answers.append(sent(hub, "POST", "/events/read", {"streams": ["crawl:req"], "wait_s": 60}))

    waiting = threading.Thread(target=wait)
    waiting.start()
    redis = Redis(unix_socket_path=str(hub.home / "redis" / "redis.sock"))
    while not redis.exists("crawl:req"):  # its group is made when it begins to wait
        pass
    redis.close()
    assert hub.stop() == 0
    waiting.join(60)

    assert answers == [{"deliveries": []}]
