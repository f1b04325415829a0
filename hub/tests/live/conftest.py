"""One real hub for all tests below: real Redis, Qdrant Edge, ONNX model, indexer and graph, reached in process.

What a test adds stays for the others, so tests bring words of their own and never count everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from lumina_hub.app import HubApp, create_app
from lumina_hub.auth.principal import Principal
from lumina_hub.settings_sources import load_settings
from lumina_sdk.contract import IngestJob, ScopeSet


class NamedScopes:
    """A token store for tests: `somebody~chat,read:graph` is somebody with these scopes."""

    async def find(self, token: str) -> Principal | None:
        name, found, scopes = token.partition("~")
        return Principal(name, ScopeSet(scopes.split(","))) if found else None


class Hub:
    """A running hub as a test sees it."""

    def __init__(self, app: HubApp, client: httpx.AsyncClient, home: Path) -> None:
        self.app = app
        self.client = client
        self.home = home
        self.runtime = app.state.runtime

    def as_(self, name: str, *scopes: str) -> dict[str, str]:
        """Headers of somebody else with these scopes."""
        return {"Authorization": f"Bearer {name}~{','.join(scopes)}"}

    async def ingest(self, source: Path, **more: object) -> IngestJob:
        """Ingest and wait for the end."""
        response = await self.client.post("/api/v1/ingest", json={"source": str(source), **more})
        assert response.status_code == 202, response.text
        return await self.ended(response.json()["id"])

    async def ended(self, job_id: str) -> IngestJob:
        await self.runtime.ingest.wait(job_id)
        response = await self.client.get(f"/api/v1/ingest/jobs/{job_id}")
        return IngestJob.model_validate_json(response.content)

    async def settle(self) -> None:
        """Wait until every turn can be recalled."""
        await self.runtime.memory.settle()

    async def find_article(self, title: str) -> str:
        response = await self.client.get("/api/v1/graph/articles", params={"title": title, "limit": 1})
        return str(response.json()["articles"][0]["id"])


async def until(condition: Callable[[], Awaitable[bool]], *, bound_s: float = 60) -> None:
    """Wait for what tells nobody when it happens."""
    async with asyncio.timeout(bound_s):
        while not await condition():  # noqa: ASYNC110 - polled, for there is no event
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hub(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> AsyncIterator[Hub]:
    home = tmp_path_factory.mktemp("live") / "home"
    assert pytestconfig.cache is not None
    models = pytestconfig.cache.mkdir("lumina-models")
    settings = load_settings({"home": home, "models": models, "embedder_precision": "int8", "indexer_niceness": 0}, {})
    app = create_app(settings, token_stores=[NamedScopes()])
    async with app.router.lifespan_context(app):
        token = (home / "owner.token").read_text().strip()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://hub",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ) as client:
            yield Hub(app, client, home)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """An empty folder for a test's own articles."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder
