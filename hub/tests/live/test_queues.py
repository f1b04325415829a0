from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
QUEUES = "/api/v1/queues"


async def test_what_a_person_types_reaches_the_module_that_waits(hub: Hub) -> None:
    crawler = hub.as_("module:crawler", "write:queues!queue=crawl:queue")
    waiting = asyncio.create_task(hub.client.post(f"{QUEUES}/crawl:queue/take", json={"wait_s": 60}, headers=crawler))
    redis = hub.runtime.queues._queues._redis
    await redis.zadd("crawl:queue", {"Artificial_intelligence": 0})

    (item,) = (await waiting).json()["items"]
    assert (item["item"], item["priority"], item["attempt"]) == ("Artificial_intelligence", 0, 1)
    settle = {"done": [item["receipt"]]}
    settled = await hub.client.post(f"{QUEUES}/crawl:queue/settle", json=settle, headers=crawler)
    assert settled.json() == {"done": 1, "back": 0, "unknown": []}


async def test_a_modules_own_queue_is_filled_looked_at_and_listed(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "read:queues!queue=almanac:days", "write:queues!queue=almanac:days")
    items = [{"item": "monday", "priority": 2}, {"item": "sunday", "priority": 1}]
    added = await hub.client.post(f"{QUEUES}/almanac:days/items", json={"items": items}, headers=almanac)
    assert added.json() == {"added": 2, "depth": 2}

    shown = (await hub.client.get(f"{QUEUES}/almanac:days", headers=almanac)).json()
    assert [item["item"] for item in shown["items"]] == ["sunday", "monday"]
    await hub.client.post(f"{QUEUES}/almanac:days/take", json={}, headers=almanac)
    listed = (await hub.client.get(QUEUES, headers=almanac)).json()["queues"]
    assert listed == [{"name": "almanac:days", "depth": 1, "held": 1}]
    everything = (await hub.client.get(QUEUES)).json()["queues"]
    assert {"almanac:days", "crawl:queue", "gaps:topics"} <= {queue["name"] for queue in everything}


@pytest.mark.parametrize(
    ("method", "path", "body", "missing"),
    [
        ("GET", "", None, "read:queues!queue=crawl:queue"),
        ("POST", "/items", {"items": [{"item": "a"}]}, "write:queues!queue=crawl:queue"),
        ("POST", "/take", {}, "write:queues!queue=crawl:queue"),
        ("POST", "/settle", {}, "write:queues!queue=crawl:queue"),
    ],
)
async def test_a_queue_that_was_not_granted_is_refused_by_name(
    hub: Hub, method: str, path: str, body: Any, missing: str
) -> None:
    almanac = hub.as_("module:almanac", "read:queues!queue=almanac:days", "write:queues!queue=almanac:days")

    response = await hub.client.request(method, f"{QUEUES}/crawl:queue{path}", json=body, headers=almanac)

    assert (response.status_code, response.json()["missing_scope"]) == (403, missing)


@pytest.mark.parametrize("queue", ["UPPER", "a b", "a:", "*", "..", "a" * 101])
async def test_what_is_no_name_of_a_queue_is_malformed(hub: Hub, queue: str) -> None:
    assert (await hub.client.post(f"{QUEUES}/{queue}/take", json={})).status_code in (404, 422)
