"""The one place where the hub's parts are joined."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from lumina_hub import problems
from lumina_hub.auth.audit.endpoints import router as audit
from lumina_hub.auth.authenticator import TokenStore
from lumina_hub.auth.keys.endpoints import router as keys
from lumina_hub.auth.oauth.endpoints import router as oauth
from lumina_hub.auth.sessions.endpoints import router as sessions
from lumina_hub.auth.tokens.endpoints import router as tokens
from lumina_hub.auth.users.endpoints import router as users
from lumina_hub.chat.endpoints import router as chat
from lumina_hub.embeddings.endpoints import router as embeddings
from lumina_hub.engines.endpoints import router as engine
from lumina_hub.events.endpoints import router as events
from lumina_hub.gaps.endpoints import router as gaps
from lumina_hub.gateway.gateway import Gateway, GatewayLimits
from lumina_hub.gateway.table import RouteTable
from lumina_hub.graph.endpoints import router as graph
from lumina_hub.health.endpoints import router as health
from lumina_hub.ingest.endpoints import router as ingest
from lumina_hub.metrics.endpoints import router as metrics_routes
from lumina_hub.metrics.registry import Metrics
from lumina_hub.middleware.body_limit import BodyLimit
from lumina_hub.middleware.request_log import RequestLog
from lumina_hub.openapi import build_openapi
from lumina_hub.pads.endpoints import router as pads
from lumina_hub.pages.endpoints import router as pages
from lumina_hub.queues.endpoints import router as queues
from lumina_hub.registry.endpoints import router as modules
from lumina_hub.registry.openapi import describe_modules
from lumina_hub.reindex.endpoints import router as reindex
from lumina_hub.runtime import Runtime, open_runtime
from lumina_hub.search.endpoints import router as search
from lumina_hub.settings import Settings
from lumina_hub.status.endpoints import router as status
from lumina_hub.storage.endpoints import router as storage
from lumina_hub.vectors.endpoints import router as vectors
from lumina_hub.version import VERSION

__all__ = ["ROUTES", "HubApp", "create_app"]

_ROUTERS = (
    pages,
    health,
    chat,
    search,
    ingest,
    graph,
    reindex,
    status,
    metrics_routes,
    oauth,
    sessions,
    tokens,
    users,
    keys,
    audit,
    modules,
    embeddings,
    engine,
    events,
    gaps,
    pads,
    queues,
    storage,
    vectors,
)
_LARGER = (
    "/api/v1/embeddings",
    "/api/v1/graph/articles",
    "/api/v1/storage/files/",
    "/api/v1/vectors/",
)
ROUTES: tuple[BaseRoute, ...] = tuple(route for router in _ROUTERS for route in router.routes)


class HubApp(FastAPI):
    """FastAPI with our OpenAPI document, and the gateway in front of it."""

    gateway: Gateway
    reserved: tuple[str, ...] = tuple(route.path_format for route in ROUTES if isinstance(route, APIRoute))

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            document = build_openapi(self.title, self.version, self.routes)
            runtime: Runtime | None = getattr(self.state, "runtime", None)
            if runtime is not None:
                runner = runtime.modules.registry.runner
                describe_modules(document, (it.manifest for it in runner.running.values()), runner.descriptions)
            self.openapi_schema = document
        return self.openapi_schema

    def replace(self, table: RouteTable) -> None:
        """Send callers to modules as the table says, from the next request on."""
        self.gateway.replace(table)
        self.note_descriptions()

    def note_descriptions(self) -> None:
        """Describe the routes anew when somebody asks."""
        self.openapi_schema = None


def create_app(settings: Settings, *, token_stores: Sequence[TokenStore] = ()) -> HubApp:
    """Put the hub together. Nothing is opened before its lifespan begins.

    Args:
        settings: As `load_settings` built them.
        token_stores: Asked for a token the owner's store does not know, in order.
    """
    metrics = Metrics()
    gateway = Gateway(metrics.gateway, GatewayLimits(max_body_bytes=settings.max_body_bytes))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with open_runtime(settings, metrics, app, token_stores=token_stores) as runtime:
            app.state.runtime = runtime
            app.state.guard = runtime.auth.guard
            gateway.open(runtime.auth.guard, runtime.auth.issuer)
            try:
                yield
            finally:
                await gateway.close()
                app.state.runtime = app.state.guard = None

    middleware = [
        Middleware(gateway.in_front_of),
        Middleware(RequestLog, metrics=metrics),
        Middleware(
            BodyLimit,
            limit_bytes=settings.max_body_bytes,
            larger=dict.fromkeys(_LARGER, max(settings.max_upload_bytes, settings.max_body_bytes)),
        ),
    ]
    if settings.cors_origins:
        middleware.insert(
            0,
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors_origins),
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
                expose_headers=["X-Request-ID", "Location"],
            ),
        )
    app = HubApp(
        title="Lumina",
        version=VERSION,
        routes=list(ROUTES),
        middleware=middleware,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.gateway = gateway
    problems.install(app)
    return app
