from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
VALUES = "/api/v1/storage/values"
FILES = "/api/v1/storage/files"


async def test_a_module_keeps_values_without_any_scope(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "chat")
    put = await hub.client.put(f"{VALUES}/day:1", json={"value": {"sun": True}, "if_version": 0}, headers=almanac)
    assert put.json() == {"key": "day:1", "value": {"sun": True}, "version": 1, "expires_at": None}
    assert (
        await hub.client.put(f"{VALUES}/day:1", json={"value": 2, "if_version": 0}, headers=almanac)
    ).status_code == 409

    assert (await hub.client.get(f"{VALUES}/day:1", headers=almanac)).json()["value"] == {"sun": True}
    assert (await hub.client.get(VALUES, params={"prefix": "day"}, headers=almanac)).json()["keys"] == ["day:1"]
    assert (await hub.client.delete(f"{VALUES}/day:1", headers=almanac)).status_code == 204
    assert (await hub.client.get(f"{VALUES}/day:1", headers=almanac)).status_code == 404


async def test_a_module_keeps_files_and_gets_their_bytes_back(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "chat")
    content = bytes(range(256)) * 4000  # more than other requests may have

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    put = await hub.client.put(f"{FILES}/maps/north.bin", content=pieces(), headers=almanac)
    fingerprint = hashlib.sha256(content).hexdigest()
    assert (put.json()["size_bytes"], put.json()["fingerprint"]) == (len(content), fingerprint)

    got = await hub.client.get(f"{FILES}/maps/north.bin", headers=almanac)
    assert (got.content, got.headers["etag"]) == (content, f'"{fingerprint}"')
    (listed,) = (await hub.client.get(FILES, params={"prefix": "maps/"}, headers=almanac)).json()["files"]
    assert listed == put.json()
    assert (await hub.client.delete(f"{FILES}/maps/north.bin", headers=almanac)).status_code == 204
    assert (await hub.client.get(f"{FILES}/maps/north.bin", headers=almanac)).status_code == 404


async def test_nobody_reaches_anothers_storage_but_who_operates_the_hub(hub: Hub) -> None:
    await hub.client.put(f"{VALUES}/k", json={"value": 1}, headers=hub.as_("module:almanac", "chat"))
    other, person = hub.as_("module:other", "read:graph"), hub.as_("user:ann", "chat")

    assert (await hub.client.get(f"{VALUES}/k", headers=other)).status_code == 404
    for caller in (other, person):
        response = await hub.client.get(f"{VALUES}/k", params={"module": "almanac"}, headers=caller)
        assert response.status_code == 404
    response = await hub.client.get(f"{VALUES}/k", headers=person)
    assert (response.status_code, response.json()["hint"]) == (400, "Name the module: `?module=<slug>`.")
    assert (await hub.client.get(f"{VALUES}/k", params={"module": "almanac"})).json()["value"] == 1


@pytest.mark.parametrize("path", ["%2e%2e/owner.token", "a/%2e%2e/%2e%2e/owner.token", ".hidden", "a%00b", "a//b"])
async def test_a_path_that_leads_elsewhere_is_refused(hub: Hub, path: str) -> None:
    almanac = hub.as_("module:almanac", "chat")
    for method in ("GET", "PUT", "DELETE"):
        assert (await hub.client.request(method, f"{FILES}/{path}", headers=almanac)).status_code in (
            400,
            404,
            405,
            422,
        )
