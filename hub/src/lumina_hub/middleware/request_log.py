"""What every request gets: an id, a line in the log, a measurement, security headers, a problem if all else fails."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lumina_hub.metrics.registry import Metrics
from lumina_hub.problems import respond_to

__all__ = ["RequestLog"]

_log = structlog.get_logger("lumina.access")
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
}


class RequestLog:
    """The outermost layer. It logs the route's template, never the path or the query: they may hold a user's words."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = scope["lumina.request_id"] = _request_id(scope)
        status = 0

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except Exception as error:
            if status:  # too late for a problem: the caller sees the response break off
                _log.exception("response_broken_off", request_id=request_id)
                raise
            _log.exception("request_failed", request_id=request_id)
            await respond_to(error, instance=scope["path"], request_id=request_id)(scope, receive, dressed)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            took_s = time.perf_counter() - began
            self._metrics.observe_request(route, scope["method"], status, took_s)
            write = _log.debug if route in _QUIET else _log.info
            write(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                took_ms=round(took_s * 1000, 1),
                request_id=request_id,
            )


def _request_id(scope: Scope) -> str:
    """The caller's `X-Request-ID` where it is a plain word, so that logs of a proxy and ours can be joined."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _GIVEN_ID.fullmatch(given):
                return str(given)
    return uuid.uuid4().hex
