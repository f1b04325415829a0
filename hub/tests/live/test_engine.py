from __future__ import annotations

import numpy as np
import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_engine_without_a_model_says_what_it_cannot_do(hub: Hub) -> None:
    writer = hub.as_("module:writer", "use:llm")

    info = (await hub.client.get("/api/v1/engine", headers=writer)).json()
    assert (info["driver"], info["streaming"], info["logprobs"], info["adapters"]) == (
        "extractive",
        False,
        False,
        False,
    )
    for stream in (False, True):
        body = {"messages": [{"role": "user", "content": "Tell me a story."}], "stream": stream}
        response = await hub.client.post("/api/v1/engine/generate", json=body, headers=writer)
        assert (response.status_code, response.json()["type"]) == (501, "/problems/unsupported")
        assert "LUMINA_ENGINE" in response.json()["hint"]


async def test_texts_become_vectors_of_unit_length(hub: Hub) -> None:
    embedder = hub.as_("module:embedder", "use:embeddings")
    texts = ["a cake", "a tart", "the tide"]
    for kind in ("passage", "query"):
        response = await hub.client.post("/api/v1/embeddings", json={"texts": texts, "kind": kind}, headers=embedder)
        vectors = np.array(response.json()["vectors"])
        assert vectors.shape == (3, response.json()["dim"])
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
        likeness = vectors @ vectors.T
        assert likeness[0, 1] > likeness[0, 2]
