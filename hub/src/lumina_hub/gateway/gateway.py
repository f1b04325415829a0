"""The gateway: takes a request iff a module's endpoint has its path, checks it, and forwards it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from lumina_hub.auth.principal import Principal
from lumina_hub.errors import (
    AmbiguousPath,
    BodyTooLarge,
    HubError,
    MethodNotAllowed,
    ModuleBusy,
    ModuleError,
    NotReady,
    RateLimited,
    RequestTimeout,
    UpstreamUnreachable,
)
from lumina_hub.gateway.breaker import Breaker
from lumina_hub.gateway.headers import RawHeaders, request_headers, request_id_of, response_headers, trace_of
from lumina_hub.gateway.http_upstream import HttpUpstream
from lumina_hub.gateway.limits import RateLimit
from lumina_hub.gateway.metrics import EndpointMetrics, GatewayMetrics
from lumina_hub.gateway.paths import forwarded_path, require_canonical
from lumina_hub.gateway.proxy import BrokenOff, Caller, CallerGone, forward
from lumina_hub.gateway.table import WEBSOCKET, Route, RouteTable
from lumina_hub.gateway.upstream import Timeouts, Upstream, UpstreamRequest
from lumina_hub.gateway.websocket import carry
from lumina_hub.problems import respond_to
from lumina_sdk.contract import ScopeSet

__all__ = ["Gateway", "GatewayLimits", "Guard", "IssuedToken", "Issuer"]

_log = structlog.get_logger(__name__)
_access = structlog.get_logger("lumina.access")
_CALLER_GONE = 499
_BROKEN_OFF = 502
_SWITCHED = 101
_POLICY_VIOLATION = 1008
_PLAIN, _SECURE = b"http", b"https"


class Guard(Protocol):
    """Lets a call in or refuses it; the hub's own routes ask the same one."""

    async def admit(self, asgi_scope: Scope, needed: frozenset[str]) -> Principal:
        """Who makes this request, if it may be made.

        Raises:
            Unauthenticated: nobody said who.
            InvalidToken: the token is not, or no longer, known.
            MissingScope: naming what of `needed` the caller lacks.
        """


class IssuedToken(Protocol):
    @property
    def text(self) -> str: ...


class Issuer(Protocol):
    """Makes the token a module acts with for a caller."""

    def on_behalf(self, principal: Principal, slug: str, scopes: ScopeSet) -> IssuedToken:
        """One that allows `scopes` ∩ the principal's for a minute. Asked at every request, so that whoever answers
        should keep tokens for half their life."""


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What holds for an endpoint whose manifest sets no limit of its own."""

    max_body_bytes: int = 262_144
    concurrency: int = 100


class _Module:
    """A module in use: its connections, and the calls that hold them."""

    __slots__ = ("busy", "retired", "slug", "upstream")

    def __init__(self, slug: str, upstream: Upstream) -> None:
        self.slug = slug
        self.upstream = upstream
        self.busy = 0
        self.retired = False


class _Live:
    """An endpoint in use."""

    __slots__ = (
        "breaker",
        "busy",
        "concurrency",
        "max_body_bytes",
        "metrics",
        "module",
        "needed",
        "rate",
        "route",
        "timeouts",
    )

    def __init__(
        self,
        route: Route,
        module: _Module,
        metrics: EndpointMetrics,
        now: Callable[[], float],
        defaults: GatewayLimits,
    ) -> None:
        endpoint = route.endpoint
        limit = endpoint.body_limit_bytes
        self.max_body_bytes = defaults.max_body_bytes if limit is None else limit
        self.concurrency = endpoint.max_concurrency or defaults.concurrency
        self.needed = frozenset(endpoint.scopes)
        self.timeouts = Timeouts(endpoint.timeout_s, None if endpoint.stream else endpoint.timeout_s)
        self.route = route
        self.module = module
        self.metrics = metrics
        self.busy = 0
        self.breaker = Breaker(now)
        self.rate = RateLimit(endpoint.rate_limit_per_min, now) if endpoint.rate_limit_per_min else None


@dataclass(frozen=True, slots=True)
class _State:
    """What one request sees from beginning to end."""

    table: RouteTable
    live: tuple[_Live, ...]
    modules: dict[tuple[str, Path | str], _Module]


class Gateway:
    """Use as `Middleware(gateway.in_front_of)`. Until `open` was called, module paths answer 503."""

    def __init__(
        self,
        metrics: GatewayMetrics,
        limits: GatewayLimits = GatewayLimits(),
        *,
        connect: Callable[[str, Path | str], Upstream] = HttpUpstream,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            metrics: What to count in.
            limits: For endpoints that set none of their own.
            connect: Makes the upstream of a slug at an address.
            now: A clock in seconds that never goes back, for limits and breakers.
        """
        self._metrics = metrics
        self._limits = limits
        self._connect = connect
        self._now = now
        self._guard: Guard | None = None
        self._issuer: Issuer | None = None
        self._state = _State(RouteTable(), (), {})
        self._closing: set[asyncio.Task[None]] = set()
        self._logs_access = logging.getLogger("lumina.access").isEnabledFor(logging.DEBUG)

    @property
    def table(self) -> RouteTable:
        return self._state.table

    def open(self, guard: Guard, issuer: Issuer) -> None:
        """Let callers in."""
        self._guard, self._issuer = guard, issuer
        self._logs_access = logging.getLogger("lumina.access").isEnabledFor(logging.DEBUG)

    def replace(self, table: RouteTable) -> None:
        """Serve the next request from `table`. Requests under way end where they began; the connections of a module
        that is gone, or has moved, are closed after its last one. What an endpoint's limits and breaker remember is
        kept while the endpoint stays as it was.
        """
        before = self._state
        known = {(live.module, live.route.endpoint): live for live in before.live}
        modules: dict[tuple[str, Path | str], _Module] = {}
        for routes in table.modules:
            key = (routes.slug, routes.address)
            modules[key] = before.modules.get(key) or _Module(routes.slug, self._connect(*key))
        live = []
        for route in table.routes:
            module = modules[route.module.slug, route.module.address]
            fresh = known.get((module, route.endpoint))
            if fresh is None:
                metrics = self._metrics.of(module.slug, f"{route.method} {route.endpoint.path}")
                fresh = _Live(route, module, metrics, self._now, self._limits)
            fresh.route = route
            live.append(fresh)
        self._state = _State(table, tuple(live), modules)
        for key, module in before.modules.items():
            if key not in modules:
                module.retired = True
                self._close_if_idle(module)

    async def close(self) -> None:
        """Let nobody in any more, and close every connection."""
        self._guard = self._issuer = None
        self.replace(RouteTable())
        await asyncio.gather(*self._closing)

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        """An application that takes modules' requests and passes on all others."""

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            kind = scope["type"]
            if kind != "http" and kind != "websocket":
                await app(scope, receive, send)
                return
            path = scope["path"]
            raw_path = scope.get("raw_path") or quote(path).encode()
            state = self._state
            try:
                require_canonical(path, raw_path)
            except AmbiguousPath as error:
                await _refuse(error, scope, receive, send, request_id_of(scope["headers"]))
                return
            found = state.table.match(scope["method"] if kind == "http" else WEBSOCKET, path)
            if found is None:
                await app(scope, receive, send)
            elif isinstance(found, str):
                await self._wrong_method(found, scope, receive, send)
            elif kind == "http":
                await self._http(state.live[found.index], scope, receive, send)
            else:
                await self._websocket(state.live[found.index], scope, receive, send)

        return front

    async def _wrong_method(self, allow: str, scope: Scope, receive: Receive, send: Send) -> None:
        error = MethodNotAllowed(
            f"{scope['path']} does not answer to {scope.get('method', 'a WebSocket')}.",
            allow=allow,
            hint=f"Use {allow}." if allow else "It takes a WebSocket.",
        )
        await _refuse(error, scope, receive, send, request_id_of(scope["headers"]))

    async def _http(self, live: _Live, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers: RawHeaders = scope["headers"]
        request_id = request_id_of(headers)
        endpoint = live.route.endpoint
        status = 0
        caller = Caller(receive)
        try:
            sent = await self._admit(live, scope, request_id)
            body, length = await caller.body(headers, limit_bytes=live.max_body_bytes, timeout_s=endpoint.timeout_s)
            request = UpstreamRequest(scope["method"], _target(scope), sent, body, length, live.timeouts)
            self._enter(live)
            try:
                status = await forward(live.module.upstream, request, send, request_id)
                live.breaker.succeeded()
            except BaseException as error:
                self._failed(live, error, request_id)
                raise
            finally:
                self._leave(live)
        except HubError as error:
            status = await _refuse(error, scope, receive, send, request_id)
        except CallerGone:
            status = _CALLER_GONE
        except BrokenOff:
            status = _BROKEN_OFF
            raise
        except asyncio.CancelledError:
            serving = asyncio.current_task()
            if not caller.gone or serving is None:
                raise
            serving.uncancel()
        finally:
            caller.leave()
            took_s = time.perf_counter() - began
            live.metrics.count(status or _CALLER_GONE, took_s)
            if self._logs_access:
                _access.debug(
                    "request",
                    method=scope["method"],
                    route=endpoint.path,
                    module=live.module.slug,
                    status=status,
                    took_ms=round(took_s * 1000, 1),
                    request_id=request_id.decode(),
                )

    async def _websocket(self, live: _Live, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request_id = request_id_of(scope["headers"])
        await receive()  # websocket.connect
        status = 0
        try:
            sent = await self._admit(live, scope, request_id)
            request = UpstreamRequest("GET", _target(scope), sent, b"", 0, live.timeouts)
            self._enter(live)
            try:
                socket = await live.module.upstream.open_socket(request, scope.get("subprotocols") or ())
                live.breaker.succeeded()
                status = _SWITCHED
                await carry(receive, send, socket)
            except BaseException as error:
                self._failed(live, error, request_id)
                raise
            finally:
                self._leave(live)
        except HubError as error:
            status = await _refuse(error, scope, receive, send, request_id)
        finally:
            live.metrics.count(status or _CALLER_GONE, time.perf_counter() - began)

    async def _admit(self, live: _Live, scope: Scope, request_id: bytes) -> RawHeaders:
        """Check who calls, and say what the module is told; nothing of the request's body was read yet."""
        if self._guard is None or self._issuer is None:
            raise NotReady
        issuer, routes = self._issuer, live.route.module
        principal = await self._guard.admit(scope, live.needed)
        if live.rate is not None and (wait_s := live.rate.take(principal.id)) > 0:
            raise RateLimited(live.rate.per_min, wait_s)
        token = issuer.on_behalf(principal, routes.slug, routes.scopes).text
        headers: RawHeaders = scope["headers"]
        client = scope.get("client")
        sent = request_headers(
            headers,
            host=live.module.upstream.host,
            scheme=_SECURE if scope["scheme"] in ("https", "wss") else _PLAIN,
            client=client[0].encode() if client else b"",
        )
        sent.append((b"x-lumina-authorization", b"Bearer " + token.encode()))
        sent.append((b"x-request-id", request_id))
        sent += trace_of(headers)
        return sent

    def _enter(self, live: _Live) -> None:
        """Hold a place in the endpoint; `_leave` gives it back.

        Raises:
            ModuleBusy: there is none.
            UpstreamUnreachable: the endpoint is left alone for a while.
        """
        if live.busy >= live.concurrency:
            raise ModuleBusy(live.module.slug, live.concurrency)
        if (wait_s := live.breaker.admit()) > 0:
            raise UpstreamUnreachable(
                live.module.slug, "its last calls failed, so it is left alone for a moment", retry_after_s=wait_s
            )
        live.busy += 1
        live.module.busy += 1

    def _leave(self, live: _Live) -> None:
        live.busy -= 1
        live.module.busy -= 1
        if live.module.retired:
            self._close_if_idle(live.module)

    def _failed(self, live: _Live, error: BaseException, request_id: bytes) -> None:
        cause = error.__cause__ if isinstance(error, BrokenOff) else error
        if not isinstance(cause, ModuleError):
            live.breaker.abandoned()
            return
        opened = live.breaker.failed()
        _log.warning(
            "module_failed",
            module=live.module.slug,
            endpoint=live.route.endpoint.path,
            error=type(cause).__name__,
            reason=cause.message,
            left_alone=opened,
            request_id=request_id.decode(),
        )

    def _close_if_idle(self, module: _Module) -> None:
        if module.busy == 0:
            task = asyncio.get_running_loop().create_task(module.upstream.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _target(scope: Scope) -> bytes:
    path = forwarded_path(scope["path"], scope.get("raw_path") or b"%")
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


async def _refuse(error: HubError, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> int:
    """Answer with a problem; before a WebSocket is accepted too."""
    response = respond_to(error, instance=scope["path"], request_id=request_id.decode())
    response.raw_headers += response_headers([], request_id)
    if isinstance(error, BodyTooLarge | RequestTimeout):
        response.headers["Connection"] = "close"  # the rest of the body is not read
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.message[:123]})
    else:
        await response(scope, receive, send)
    return response.status_code
