"""How a route reaches the parts of the running hub: one dependency per feature."""

from __future__ import annotations

from fastapi import Request

from lumina_hub.chat.service import ChatService
from lumina_hub.errors import NotReady
from lumina_hub.graph.service import GraphService
from lumina_hub.health.service import HealthService
from lumina_hub.ingest.service import IngestService
from lumina_hub.reindex.service import ReindexService
from lumina_hub.runtime import Runtime
from lumina_hub.search.service import SearchService
from lumina_hub.status.service import StatusService

__all__ = [
    "chat_service",
    "graph_service",
    "health_service",
    "ingest_service",
    "reindex_service",
    "search_service",
    "status_service",
]


def _runtime(request: Request) -> Runtime:
    runtime: Runtime | None = getattr(request.app.state, "runtime", None)
    if runtime is None:
        raise NotReady
    return runtime


def chat_service(request: Request) -> ChatService:
    return _runtime(request).chat


def graph_service(request: Request) -> GraphService:
    return _runtime(request).graph


def health_service(request: Request) -> HealthService:
    return _runtime(request).health


def ingest_service(request: Request) -> IngestService:
    return _runtime(request).ingest


def reindex_service(request: Request) -> ReindexService:
    return _runtime(request).reindex


def search_service(request: Request) -> SearchService:
    return _runtime(request).search


def status_service(request: Request) -> StatusService:
    return _runtime(request).status
