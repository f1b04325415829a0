"""A module as an ASGI application."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from lumina_sdk.app import Module
from lumina_sdk.client import HubClient
from lumina_sdk.contract.problem import Problem
from lumina_sdk.declarations import DeclaredEndpoint, Job
from lumina_sdk.errors import Conflict, NotFound
from lumina_sdk.runtime import problems
from lumina_sdk.runtime.events import EventPump
from lumina_sdk.runtime.guard import INTERNAL, Guard
from lumina_sdk.runtime.metrics import ModuleMetrics

__all__ = ["create_application"]


def create_application(module: Module[Any], hub: HubClient, config: dict[str, Any], *, pump: bool = True) -> ASGIApp:
    """Join a module with a hub. Its life begins with the application's lifespan.

    With `pump` it asks the hub for its events; a test that gives events to the handlers itself leaves that out.
    """
    metrics = ModuleMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        handlers = module.handlers if pump else ()
        async with module.running(hub, config), EventPump(handlers, hub, metrics, module.log):
            yield

    app = FastAPI(title="module", openapi_url=None, lifespan=lifespan)
    problems.install(app, module.log)
    for endpoint in module.endpoints:
        _add(app, endpoint)
    _add_internal(app, module, metrics)
    return Guard(app, hub, metrics, module.log)


def _add(app: FastAPI, endpoint: DeclaredEndpoint) -> None:
    if endpoint.websocket:
        app.add_api_websocket_route(endpoint.path, endpoint.function)
        return
    options: dict[str, Any] = {}
    if inspect.isasyncgenfunction(endpoint.function):
        options["response_class"] = EventSourceResponse
    elif endpoint.status is not None:
        options["status_code"] = endpoint.status
    elif inspect.signature(endpoint.function).return_annotation in (None, "None"):
        options["status_code"] = 204
    app.add_api_route(endpoint.path, endpoint.function, methods=[endpoint.method], **options)


def _add_internal(app: FastAPI, module: Module[Any], metrics: ModuleMetrics) -> None:
    jobs = _Jobs(module, metrics)

    async def ready() -> dict[str, bool]:
        return {"ready": True}

    async def health() -> Response:
        try:
            return JSONResponse({"healthy": True, "detail": await module.check_health()})
        except Exception as error:  # whatever a health check raises is what is wrong
            return JSONResponse({"healthy": False, "detail": str(error) or type(error).__name__}, status_code=503)

    async def exposition() -> Response:
        return Response(
            generate_latest(metrics.registry) + generate_latest(module.metrics), media_type=CONTENT_TYPE_LATEST
        )

    async def openapi() -> dict[str, Any]:
        document = app.openapi()
        return {"paths": document.get("paths", {}), "components": document.get("components", {})}

    async def run(name: str, request: Request) -> Response:
        await jobs.run(name)
        return Response(status_code=204)

    for path, function, method in (
        ("ready", ready, "GET"),
        ("health", health, "GET"),
        ("metrics", exposition, "GET"),
        ("openapi", openapi, "GET"),
        ("schedule/{name}", run, "POST"),
    ):
        app.add_api_route(INTERNAL + path, function, methods=[method], include_in_schema=False, response_model=None)


class _Jobs:
    """Runs jobs when the hub says so, each one at a time."""

    def __init__(self, module: Module[Any], metrics: ModuleMetrics) -> None:
        self._jobs: dict[str, Job] = {job.name: job for job in module.jobs}
        self._running: set[str] = set()
        self._metrics, self._log = metrics, module.log

    async def run(self, name: str) -> None:
        if name not in self._jobs:
            raise NotFound(f"There is no job {name!r}.")
        if name in self._running:
            raise Conflict(f"The job {name!r} is still running.", hint="It is run again at its next time.")
        self._running.add(name)
        try:
            await self._jobs[name].function()
        except Exception:
            self._metrics.jobs.labels(name, "failed").inc()
            self._log.exception("job_failed", job=name)
            raise _JobFailed(name) from None
        finally:
            self._running.discard(name)
        self._metrics.jobs.labels(name, "done").inc()


class _JobFailed(Conflict):
    """A job raised; its log holds why."""

    def __init__(self, name: str) -> None:
        problem = Problem(
            type="/problems/job-failed",
            title="A job failed",
            status=500,
            detail=f"The job {name!r} failed; the module's log says why.",
        )
        super().__init__(problem.detail, problem=problem)
