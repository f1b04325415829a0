from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
VECTORS = "/api/v1/vectors"


def unit(axis: int, dim: int = 4) -> list[float]:
    return [1.0 if number == axis else 0.0 for number in range(dim)]


async def test_a_module_fills_and_searches_a_collection_of_its_own(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "read:vector_store", "write:vector_store")
    days = f"{VECTORS}/almanac.days"
    made = await hub.client.put(days, json={"dim": 4}, headers=almanac)
    assert made.json() == {"name": "almanac.days", "dim": 4, "points": 0, "owner": "almanac"}
    assert (await hub.client.put(days, json={"dim": 4}, headers=almanac)).status_code == 200
    assert (await hub.client.put(days, json={"dim": 5}, headers=almanac)).status_code == 409
    points = [{"id": f"d{axis}", "vector": unit(axis), "payload": {"odd": axis % 2 == 1}} for axis in range(4)]
    assert (await hub.client.post(f"{days}/points", json={"points": points}, headers=almanac)).json() == {"points": 4}

    async def search(**more: Any) -> list[dict[str, Any]]:
        body = {"vector": [0.9, 0.1, 0, 0], "limit": 2, **more}
        response = await hub.client.post(f"{days}/search", json=body, headers=almanac)
        assert response.status_code == 200, response.text
        return list(response.json()["points"])

    first, second = await search(with_vectors=True)
    assert (first["id"], first["payload"], first["vector"]) == ("d0", {"odd": False}, unit(0))
    assert first["score"] == pytest.approx(0.9939, abs=1e-3)
    assert second["id"] == "d1"
    assert [point["id"] for point in await search(filter={"match": {"odd": True}})] == ["d1", "d3"]
    deleted = await hub.client.post(f"{days}/delete", json={"ids": ["d0", "nothing"]}, headers=almanac)
    assert deleted.json() == {"points": 1}
    assert [point["id"] for point in await search(limit=1)] == ["d1"]
    assert (await hub.client.delete(days, headers=almanac)).status_code == 204
    assert (await hub.client.post(f"{days}/search", json={"vector": unit(0)}, headers=almanac)).status_code == 404


async def test_texts_are_embedded_for_who_may(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "read:vector_store", "write:vector_store", "use:embeddings")
    path = f"{VECTORS}/almanac.notes"
    await hub.client.put(path, json={}, headers=almanac)
    points = [{"id": "rain", "text": "It rained all day."}, {"id": "cake", "text": "A cake of almonds and eggs."}]
    response = await hub.client.post(f"{path}/points", json={"points": points}, headers=almanac)
    assert response.status_code == 200, response.text

    found = await hub.client.post(f"{path}/search", json={"text": "baking", "limit": 1}, headers=almanac)
    assert found.json()["points"][0]["id"] == "cake"
    less = hub.as_("module:almanac", "read:vector_store", "write:vector_store")
    for part, body in (("points", {"points": points}), ("search", {"text": "baking"})):
        refused = await hub.client.post(f"{path}/{part}", json=body, headers=less)
        assert (refused.status_code, refused.json()["missing_scope"]) == (403, "use:embeddings")


async def test_the_cores_collections_are_read_and_not_written(hub: Hub, notes: Path) -> None:
    (notes / "dunnart.md").write_text("# Dunnartia\n\nDunnartia exports marmalade to the north.\n")
    await hub.ingest(notes)
    found = await hub.client.post(f"{VECTORS}/chunks/search", json={"text": "Who exports marmalade?", "limit": 1})
    assert found.json()["points"][0]["payload"]["title"] == "Dunnartia"

    for method, path, body in [
        ("POST", "/chunks/points", {"points": [{"id": "x", "text": "x"}]}),
        ("POST", "/chunks/delete", {"ids": ["x"]}),
        ("DELETE", "/chunks", None),
        ("PUT", "/chunks", {}),
    ]:
        response = await hub.client.request(method, VECTORS + path, json=body)
        assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-input")


async def test_of_private_collections_everybody_finds_their_own(hub: Hub) -> None:
    mine = hub.as_("user:numbat", "chat", "read:vector_store", "read:chat_history")
    other = hub.as_("module:nosy", "read:vector_store", "read:chat_history")
    await hub.client.post("/api/v1/chat", json={"query": "Where do numbats hide their silver?"}, headers=mine)
    await hub.settle()
    looked_for = await hub.client.post("/api/v1/embeddings", json={"texts": ["numbats and silver"], "kind": "query"})
    search = {"vector": looked_for.json()["vectors"][0], "limit": 100}

    async def owners(caller: dict[str, str]) -> set[str]:
        response = await hub.client.post(f"{VECTORS}/chat_long/search", json=search, headers=caller)
        assert response.status_code == 200, response.text
        return {point["payload"]["owner"] for point in response.json()["points"]}

    assert await owners(mine) == {"user:numbat"}
    assert await owners(other) == set()
    less = hub.as_("module:nosy", "read:vector_store")
    refused = await hub.client.post(f"{VECTORS}/chat_long/search", json=search, headers=less)
    assert refused.json()["missing_scope"] == "read:chat_history"
    names = [one["name"] for one in (await hub.client.get(VECTORS, headers=less)).json()["collections"]]
    assert {"articles", "chunks"} <= set(names)
    assert not {"chat_long", "scratch_mem"} & set(names)


async def test_another_modules_collection_is_not_written(hub: Hub) -> None:
    almanac = hub.as_("module:almanac", "write:vector_store")
    other = hub.as_("module:other", "write:vector_store")
    await hub.client.put(f"{VECTORS}/almanac.kept", json={"dim": 4}, headers=almanac)
    points = {"points": [{"id": "x", "vector": unit(0)}]}

    for method, path, body in [("POST", "/points", points), ("POST", "/delete", {"ids": ["x"]}), ("DELETE", "", None)]:
        response = await hub.client.request(method, f"{VECTORS}/almanac.kept{path}", json=body, headers=other)
        assert response.status_code == 403
    assert (await hub.client.put(f"{VECTORS}/almanac.more", json={}, headers=other)).status_code == 403
    narrow = hub.as_("module:almanac", "write:vector_store!collection=almanac.days")
    refused = await hub.client.delete(f"{VECTORS}/almanac.kept", headers=narrow)
    assert refused.json()["missing_scope"] == "write:vector_store!collection=almanac.kept"


@pytest.mark.parametrize(
    "point",
    [
        {"id": "x"},
        {"id": "x", "vector": [1, 0, 0, 0], "text": "x"},
        {"id": "x", "vector": [1, 0]},
        {"id": "x", "vector": [0, 0, 0, 0]},
        {"id": "x", "text": "of another dimension"},
        {"id": "x", "vector": [1, 0, 0, 0], "payload": {"id": "y"}},
    ],
)
async def test_a_point_that_does_not_fit_is_a_problem_that_says_why(hub: Hub, point: object) -> None:
    await hub.client.put(f"{VECTORS}/almanac.fits", json={"dim": 4})

    response = await hub.client.post(f"{VECTORS}/almanac.fits/points", json={"points": [point]})

    assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-input")
