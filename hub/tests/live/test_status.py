from __future__ import annotations

import pytest

from lumina_sdk.contract import Reindex, ReindexState, Status

from .conftest import Hub, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_status_names_every_part(hub: Hub) -> None:
    status = Status.model_validate_json((await hub.client.get("/api/v1/status")).content)

    assert status.problems == ()
    assert status.home == str(hub.home)
    assert status.articles >= 15
    assert status.index is not None
    assert status.index.driver == "edge"
    assert status.redis is not None
    assert status.redis.embedded
    assert status.redis.version
    assert status.embedder is not None
    assert status.embedder.dim == 384
    assert status.indexer is not None
    assert status.indexer.alive


async def test_a_hub_with_all_its_parts_is_ready(hub: Hub) -> None:
    await hub.client.post("/api/v1/search", json={"query": "Lumina"})  # waits for the first knowledge
    for path in ("/readyz", "/healthz"):
        response = await hub.client.get(path)
        assert response.status_code == 200
        assert response.json() == {"ready": True, "waiting_for": {}}


async def test_metrics_carry_the_seeds_names(hub: Hub) -> None:
    await hub.client.post("/api/v1/search", json={"query": "Lumina"})

    text = (await hub.client.get("/metrics")).text

    for name in (
        'articles_ingested_total{source="lumina"}',
        "faiss_query_seconds_bucket",
        "retrieval_latency_seconds_count",
        "vectors_indexed_total",
        "retrieval_hit_ratio",
        "chat_memory_hits_total",
        "lumina_http_request_seconds_bucket",
    ):
        assert name in text


async def test_a_reindex_rebuilds_what_can_be_found(hub: Hub) -> None:
    before = Status.model_validate_json((await hub.client.get("/api/v1/status")).content)

    started = await hub.client.post("/api/v1/reindex")
    assert started.status_code == 202
    assert Reindex.model_validate_json(started.content).state is ReindexState.RUNNING

    async def is_idle() -> bool:
        return (await hub.client.get("/api/v1/reindex")).json()["state"] == "idle"

    await until(is_idle)

    after = Status.model_validate_json((await hub.client.get("/api/v1/status")).content)
    assert Reindex.model_validate_json((await hub.client.get("/api/v1/reindex")).content).state is ReindexState.IDLE
    assert after.chunks == before.chunks > 0
    hits = (await hub.client.post("/api/v1/search", json={"query": "What is Lumina?"})).json()["hits"]
    assert hits[0]["title"] == "Lumina"
