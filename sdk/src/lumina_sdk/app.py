"""`Module`: what a module is made of.

    from lumina_sdk.app import Caller, Module
    from lumina_sdk.contract import Event, SearchResponse

    module = Module()

    @module.endpoint("GET", "/api/v1/almanac/{topic}")
    async def look_up(topic: str, caller: Caller) -> SearchResponse:
        return await caller.hub.search(topic, limit=3)          # as the caller, with no more than the caller may do

    @module.on("graph:add")
    async def note(event: Event) -> None:
        module.log.info("article_seen", article=event.data.get("source"))

    @module.every(hours=1)
    async def tidy() -> None:
        await module.hub.storage.delete("stale")                # as the module itself

The decorators only note what there is. Nothing runs, and nothing is opened, until `lumina_sdk.serve` starts the module.
Functions under `endpoint` are FastAPI's: their parameters, models and return types are checked, and described in the
hub's OpenAPI document.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, TypeAdapter
from starlette.requests import HTTPConnection
from structlog.typing import FilteringBoundLogger

from lumina_sdk.client import HubClient
from lumina_sdk.contract.inspection import CodeEndpoint, CodeHandler, CodeJob, Inspection
from lumina_sdk.contract.manifest import Method, PathTemplate
from lumina_sdk.contract.names import StreamName
from lumina_sdk.contract.schedule import CronLine, Interval
from lumina_sdk.contract.scopes import ScopeSet
from lumina_sdk.declarations import DeclaredEndpoint, EventHandler, Handler, Job, place_of
from lumina_sdk.logs import module_logger

__all__ = ["Call", "Caller", "Module", "NoConfig"]

_Function = TypeVar("_Function", bound=Handler)
ConfigT = TypeVar("ConfigT", bound=BaseModel)
_PATH, _STREAM = TypeAdapter(PathTemplate), TypeAdapter(StreamName)
_CRON, _INTERVAL = TypeAdapter(CronLine), TypeAdapter(Interval)


class NoConfig(BaseModel):
    """The settings of a module that has none."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who is calling, and a client that acts for them.

    `principal` is the caller's id (`user:ada`), `scopes` what this module may do for them, `request_id` the id under
    which the hub's log holds the request.
    """

    principal: str
    scopes: ScopeSet
    request_id: str
    hub: HubClient


async def _call(connection: HTTPConnection) -> Call:  # async, or FastAPI would use a thread for it
    call: Call = connection.state.call  # put there by the guard
    return call


Caller = Annotated[Call, Depends(_call)]
"""Annotate an endpoint's parameter with it to be given the `Call`."""


class Module(Generic[ConfigT]):
    """A module's endpoints, event handlers, jobs and life. One of it stands at the entry point.

    `metrics` is a Prometheus registry for counters of your own: `Counter("days_total", "…", registry=module.metrics)`.
    `log` writes JSON lines, an event with fields: `module.log.info("day_added", day=day)`.
    """

    def __init__(self, *, config: type[ConfigT] = NoConfig) -> None:  # type: ignore[assignment]
        self.config_type = config
        self.metrics = CollectorRegistry()
        self.log: FilteringBoundLogger = module_logger()
        self.endpoints: list[DeclaredEndpoint] = []
        self.handlers: list[EventHandler] = []
        self.jobs: list[Job] = []
        self._lives: list[Callable[[], AbstractAsyncContextManager[None]]] = []
        self._health: Callable[[], Awaitable[str | None]] | None = None
        self._config: ConfigT | None = None
        self._hub: HubClient | None = None

    @property
    def config(self) -> ConfigT:
        """The module's settings, as the operator set them. There are none before the module runs."""
        if self._config is None:
            raise RuntimeError("the module does not run yet; read module.config inside a function, not at import")
        return self._config

    @property
    def hub(self) -> HubClient:
        """A client that acts as the module itself. There is none before the module runs."""
        if self._hub is None:
            raise RuntimeError("the module does not run yet; use module.hub inside a function, not at import")
        return self._hub

    def endpoint(self, method: str, path: str, *, status: int | None = None) -> Callable[[_Function], _Function]:
        """Answer requests to `path`, which the manifest declares too.

        A parameter of the path is matched by name, a pydantic model is the body, anything else the query; `Caller` is
        who is calling. An async generator is sent as server-sent events, one for each value. Raise one of the
        `Refusal`s of `lumina_sdk.errors` to answer with a problem.
        """
        declared_method, declared_path = Method(method), _PATH.validate_python(path)

        def declare(function: _Function) -> _Function:
            self.endpoints.append(DeclaredEndpoint(declared_method, declared_path, function, status))
            return function

        return declare

    def websocket(self, path: str) -> Callable[[_Function], _Function]:
        """Answer WebSockets at `path`, which the manifest declares with `websocket: true`."""
        declared_path = _PATH.validate_python(path)

        def declare(function: _Function) -> _Function:
            self.endpoints.append(DeclaredEndpoint(Method.GET, declared_path, function, websocket=True))
            return function

        return declare

    def on(self, stream: str, *, concurrency: int = 1, lease_s: float = 60) -> Callable[[_Function], _Function]:
        """Handle the events of a stream, given as an `Event`, or as a pydantic model of its data.

        An event is done when the function returns. If it raises, the event is given to it again, later each time, and
        is a dead letter after the hub's number of tries; `GiveUp` makes it one at once. So one event may be met twice:
        tell by `Event.id`, or do things that may be done twice. The function may take up to `lease_s`.
        """
        declared = _STREAM.validate_python(stream)

        def declare(function: _Function) -> _Function:
            if any(handler.stream == declared for handler in self.handlers):
                raise ValueError(f"{declared} has a handler already; call the other function from it")
            self.handlers.append(EventHandler.of(declared, function, concurrency=concurrency, lease_s=lease_s))
            return function

        return declare

    def every(
        self, *, seconds: int = 0, minutes: int = 0, hours: int = 0, days: int = 0, name: str | None = None
    ) -> Callable[[_Function], _Function]:
        """Run a function at intervals. `name` is the job's name in the manifest; it defaults to the function's."""
        given = [(value, unit) for value, unit in ((seconds, "s"), (minutes, "m"), (hours, "h"), (days, "d")) if value]
        if len(given) != 1:
            raise ValueError("give one of seconds, minutes, hours and days")
        interval = _INTERVAL.validate_python(f"{given[0][0]}{given[0][1]}")
        return self._job(name, every=interval)

    def cron(self, line: str, *, name: str | None = None) -> Callable[[_Function], _Function]:
        """Run a function at the times of a cron line, in UTC. `name` defaults to the function's."""
        return self._job(name, cron=_CRON.validate_python(line))

    def lifespan(self, function: Callable[[], AsyncIterator[None]]) -> Callable[[], AsyncIterator[None]]:
        """Open what the module needs, `yield`, and close it, all in one generator. Several are nested in order."""
        self._lives.append(asynccontextmanager(function))
        return function

    def health(self, function: Callable[[], Awaitable[str | None]]) -> Callable[[], Awaitable[str | None]]:
        """Say how the module is: return None or a word about it, or raise what is wrong. The hub asks now and then."""
        self._health = function
        return function

    async def check_health(self) -> str:
        """Ask the function under `@module.health`; "" where there is none, or it has nothing to say."""
        return (await self._health() or "") if self._health else ""

    @asynccontextmanager
    async def running(self, hub: HubClient, config: dict[str, Any]) -> AsyncGenerator[None]:
        """Live: with this client and these settings, between what `lifespan` opens and closes.

        Raises:
            pydantic.ValidationError: the settings are not what `config` asks for.
        """
        self._hub, self._config = hub, self.config_type.model_validate(config)
        try:
            async with AsyncExitStack() as stack:
                for life in self._lives:
                    await stack.enter_async_context(life())
                yield
        finally:
            self._hub = self._config = None

    def inspection(self) -> Inspection:
        """What the code declares, for the checker."""

        def place(function: Handler) -> dict[str, Any]:
            file, line = place_of(function)
            return {"file": file, "line": line}

        return Inspection(
            endpoints=tuple(
                CodeEndpoint(method=it.method, path=it.path, **place(it.function)) for it in self.endpoints
            ),
            handlers=tuple(CodeHandler(stream=it.stream, **place(it.function)) for it in self.handlers),
            jobs=tuple(CodeJob(name=it.name, every=it.every, cron=it.cron, **place(it.function)) for it in self.jobs),
        )

    def _job(
        self, name: str | None, *, every: str | None = None, cron: str | None = None
    ) -> Callable[[_Function], _Function]:
        def declare(function: _Function) -> _Function:
            if not inspect.iscoroutinefunction(function):
                raise TypeError(f"{function.__qualname__} is a job, so write it `async def`")
            self.jobs.append(Job(name or function.__name__, function, every=every, cron=cron))
            return function

        return declare
