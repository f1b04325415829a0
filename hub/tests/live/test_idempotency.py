from __future__ import annotations

import asyncio

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
GAPS = "/api/v1/gaps"


async def test_a_repeated_request_gets_the_first_answer(hub: Hub) -> None:
    reporter = hub.as_("module:reporter", "write:gaps") | {"Idempotency-Key": "once-1"}
    body = {"question": "Who painted Potorooville?"}
    first, again = [await hub.client.post(GAPS, json=body, headers=reporter) for _ in range(2)]

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    other = hub.as_("module:other", "write:gaps") | {"Idempotency-Key": "once-1"}
    assert (await hub.client.post(GAPS, json=body, headers=other)).json()["seen"] == 2


async def test_a_key_stands_for_one_request(hub: Hub) -> None:
    reporter = hub.as_("module:reporter", "write:gaps") | {"Idempotency-Key": "once-2"}
    await hub.client.post(GAPS, json={"question": "one?"}, headers=reporter)

    response = await hub.client.post(GAPS, json={"question": "another?"}, headers=reporter)

    assert (response.status_code, response.json()["type"]) == (409, "/problems/idempotency-key-reused")


async def test_what_failed_is_tried_anew(hub: Hub) -> None:
    reporter = hub.as_("module:reporter", "write:gaps") | {"Idempotency-Key": "once-3"}
    path = f"{GAPS}/gap_000000000000"
    for _ in range(2):
        response = await hub.client.patch(path, json={"state": "queued"}, headers=reporter)
        assert (response.status_code, "idempotent-replay" in response.headers) == (404, False)


async def test_of_two_at_once_one_counts_and_the_other_is_asked_to_wait(hub: Hub) -> None:
    reader = hub.as_("module:twice", "read:events", "write:events")
    body = {"streams": ["twice:tick"], "wait_s": 60}
    await hub.client.post("/api/v1/events/read", json={"streams": ["twice:tick"]}, headers=reader)
    keyed = reader | {"Idempotency-Key": "once-4"}
    waiting = [asyncio.create_task(hub.client.post("/api/v1/events/read", json=body, headers=keyed)) for _ in range(2)]
    (refused,), (served,) = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    response = await refused
    assert (response.status_code, response.json()["type"]) == (409, "/problems/request-in-progress")
    assert response.headers["retry-after"]
    await hub.client.post("/api/v1/events", json={"events": [{"stream": "twice:tick"}]}, headers=reader)
    assert len((await served).json()["deliveries"]) == 1


async def test_a_secret_is_never_kept(hub: Hub) -> None:
    headers = {"Idempotency-Key": "once-5"}
    body = {"name": "ci", "scopes": ["read:graph"]}
    first, again = [await hub.client.post("/api/v1/tokens", json=body, headers=headers) for _ in range(2)]

    assert first.status_code == again.status_code == 201
    assert first.json()["token"] != again.json()["token"]
