"""The parts of a running hub, opened in order and closed in the reverse one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lumina_hub.auth.tokens import OwnerTokenStore
from lumina_hub.chat.service import ChatService
from lumina_hub.graph.service import GraphService
from lumina_hub.health.service import HealthService
from lumina_hub.home import Home
from lumina_hub.ingest.service import IngestService
from lumina_hub.metrics.registry import Metrics
from lumina_hub.reindex.service import ReindexService
from lumina_hub.search.service import SearchService
from lumina_hub.settings import Settings
from lumina_hub.status.service import StatusService

__all__ = ["Runtime", "open_runtime"]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the routes use."""

    home: Home
    owner: OwnerTokenStore
    chat: ChatService
    graph: GraphService
    health: HealthService
    ingest: IngestService
    reindex: ReindexService
    search: SearchService
    status: StatusService


@asynccontextmanager
async def open_runtime(settings: Settings, metrics: Metrics) -> AsyncIterator[Runtime]:
    """Hold the home and everything in it while the block runs.

    Raises:
        HomeLocked: another process holds the home.
    """
    home = Home.open(settings.home)
    with home.lock(now=time.time()):
        yield Runtime(
            home=home,
            owner=OwnerTokenStore(home.owner_token()),
            chat=ChatService(),
            graph=GraphService(),
            health=HealthService({}),
            ingest=IngestService(),
            reindex=ReindexService(),
            search=SearchService(),
            status=StatusService(),
        )
