from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_was_ingested_is_found_best_first(hub: Hub, notes: Path) -> None:
    (notes / "quokka.md").write_text("# Quokka\n\nThe quokka is a small marsupial that lives on Rottnest Island.\n")
    (notes / "numbat.md").write_text("# Numbat\n\nThe numbat eats termites and nothing else.\n")
    await hub.ingest(notes)

    response = await hub.client.post("/api/v1/search", json={"query": "Where does the quokka live?", "limit": 3})

    body = response.json()
    best = body["hits"][0]
    assert (best["title"], best["article_id"]) == ("Quokka", await hub.find_article("Quokka"))
    assert "Rottnest Island" in best["text"]
    assert "contributions" not in best
    scores = [hit["score"] for hit in body["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert body["took_ms"] > 0


async def test_contributions_are_explained_and_sum_to_the_score(hub: Hub) -> None:
    response = await hub.client.get("/api/v1/search", params={"query": "What is Lumina?", "explain": "true"})

    for hit in response.json()["hits"]:
        assert sum(hit["contributions"].values()) == pytest.approx(hit["score"], abs=1e-4)


async def test_a_hit_is_the_very_span_of_its_article(hub: Hub) -> None:
    response = await hub.client.post("/api/v1/search", json={"query": "owner token", "limit": 1})
    hit = response.json()["hits"][0]

    article = (await hub.client.get(f"/api/v1/graph/articles/{hit['article_id']}")).json()

    assert article["text"][hit["start"] : hit["end"]] == hit["text"]


async def test_a_search_keeps_to_its_source_and_its_article(hub: Hub) -> None:
    only = await hub.find_article("Privacy")

    by_article = await hub.client.post("/api/v1/search", json={"query": "machine", "article": only})
    by_source = await hub.client.post("/api/v1/search", json={"query": "machine", "source": "nowhere"})

    assert {hit["article_id"] for hit in by_article.json()["hits"]} == {only}
    assert by_source.json()["hits"] == []


async def test_a_search_keeps_to_its_time(hub: Hub) -> None:
    response = await hub.client.post("/api/v1/search", json={"query": "Lumina", "until": 1.0})

    assert response.json()["hits"] == []


@pytest.mark.parametrize("query", ["", "  \n"])
async def test_an_empty_query_is_a_malformed_request(hub: Hub, query: str) -> None:
    response = await hub.client.post("/api/v1/search", json={"query": query})

    assert response.status_code == 422
    assert response.json()["findings"][0]["where"] == "body.query"
    assert "is empty" in response.json()["findings"][0]["message"]


async def test_a_query_over_the_limit_says_the_limit(hub: Hub) -> None:
    response = await hub.client.post("/api/v1/search", json={"query": "x" * 8001})

    assert response.status_code == 413
    assert response.json()["type"] == "/problems/question-too-long"
    assert "8,000" in response.json()["detail"]
