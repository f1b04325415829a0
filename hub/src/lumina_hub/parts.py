"""How a route reaches the parts of the running hub: one dependency per feature."""

from __future__ import annotations

from fastapi import Request

from lumina_core.gaps.book import GapBook
from lumina_core.memory.scratchpad import ScratchPads
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.keys.ring import KeyRing
from lumina_hub.auth.keys.service import KeyService
from lumina_hub.auth.oauth.service import OAuthService
from lumina_hub.auth.sessions.service import SessionService
from lumina_hub.auth.tokens.service import TokenService
from lumina_hub.auth.users.service import UserService
from lumina_hub.chat.service import ChatService
from lumina_hub.embeddings.service import EmbeddingService
from lumina_hub.engines.service import EngineService
from lumina_hub.errors import NotReady
from lumina_hub.events.service import EventService
from lumina_hub.graph.service import GraphService
from lumina_hub.health.service import HealthService
from lumina_hub.ingest.service import IngestService
from lumina_hub.queues.service import QueueService
from lumina_hub.registry.opening import ModuleParts
from lumina_hub.reindex.service import ReindexService
from lumina_hub.runtime import Runtime
from lumina_hub.search.service import SearchService
from lumina_hub.status.service import StatusService
from lumina_hub.storage.service import StorageService
from lumina_hub.vectors.service import VectorService

__all__ = [
    "audit_log",
    "chat_service",
    "embedding_service",
    "engine_service",
    "event_service",
    "gap_book",
    "graph_service",
    "health_service",
    "ingest_service",
    "key_ring",
    "key_service",
    "module_registry",
    "oauth_service",
    "queue_service",
    "reindex_service",
    "scratch_pads",
    "search_service",
    "session_service",
    "status_service",
    "storage_service",
    "token_service",
    "user_service",
    "vector_service",
]


def _runtime(request: Request) -> Runtime:
    runtime: Runtime | None = getattr(request.app.state, "runtime", None)
    if runtime is None:
        raise NotReady
    return runtime


def audit_log(request: Request) -> Audit:
    return _runtime(request).auth.audit


def chat_service(request: Request) -> ChatService:
    return _runtime(request).chat


def graph_service(request: Request) -> GraphService:
    return _runtime(request).graph


def health_service(request: Request) -> HealthService:
    return _runtime(request).health


def ingest_service(request: Request) -> IngestService:
    return _runtime(request).ingest


def key_ring(request: Request) -> KeyRing:
    return _runtime(request).auth.keys


def key_service(request: Request) -> KeyService:
    return _runtime(request).auth.key_service


def module_registry(request: Request) -> ModuleParts:
    return _runtime(request).modules


def oauth_service(request: Request) -> OAuthService:
    return _runtime(request).auth.oauth


def reindex_service(request: Request) -> ReindexService:
    return _runtime(request).reindex


def search_service(request: Request) -> SearchService:
    return _runtime(request).search


def session_service(request: Request) -> SessionService:
    return _runtime(request).auth.sessions


def status_service(request: Request) -> StatusService:
    return _runtime(request).status


def token_service(request: Request) -> TokenService:
    return _runtime(request).auth.tokens


def user_service(request: Request) -> UserService:
    return _runtime(request).auth.users


def embedding_service(request: Request) -> EmbeddingService:
    return _runtime(request).embeddings


def engine_service(request: Request) -> EngineService:
    return _runtime(request).engine


def event_service(request: Request) -> EventService:
    return _runtime(request).events


def gap_book(request: Request) -> GapBook:
    return _runtime(request).gaps


def queue_service(request: Request) -> QueueService:
    return _runtime(request).queues


def scratch_pads(request: Request) -> ScratchPads:
    return _runtime(request).pads


def storage_service(request: Request) -> StorageService:
    return _runtime(request).storage


def vector_service(request: Request) -> VectorService:
    return _runtime(request).vectors
