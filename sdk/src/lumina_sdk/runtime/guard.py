"""The ASGI part in front of a module's endpoints: who is calling, how long it took, and what went wrong."""

from __future__ import annotations

import base64
import json
import time
from functools import lru_cache
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from lumina_sdk.app import Call
from lumina_sdk.client import HubClient
from lumina_sdk.contract.scopes import ScopeSet
from lumina_sdk.errors import Unauthenticated
from lumina_sdk.runtime.metrics import ModuleMetrics
from lumina_sdk.runtime.problems import respond

__all__ = ["Guard", "caller_of"]

INTERNAL = "/_lumina/"
_PASSED_ON = ("traceparent", "tracestate", "x-request-id")


def caller_of(headers: Headers, hub: HubClient) -> Call:
    """Read who is calling off the token the hub sends with every request.

    Its signature is not checked: only the hub can reach the module's socket, and the hub checks the token again
    whenever it is used.

    Raises:
        Unauthenticated: there is no such token.
    """
    scheme, _, token = headers.get("x-lumina-authorization", "").partition(" ")
    try:
        principal, scopes = _claims(token)
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise Unauthenticated(
            "The request carries no token of the hub's.", hint="Call the module through the hub."
        ) from error
    if scheme.lower() != "bearer":
        raise Unauthenticated("The request carries no bearer token.", hint="Call the module through the hub.")
    passed = {name: headers[name] for name in _PASSED_ON if name in headers}
    return Call(principal, scopes, headers.get("x-request-id", ""), hub.on_behalf_of(token, headers=passed))


@lru_cache(maxsize=512)  # the hub sends one token for half its life
def _claims(token: str) -> tuple[str, ScopeSet]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"]), ScopeSet.parse(str(claims["scope"]))


class Guard:
    """Lets requests in only with the hub's token, and measures them. `/_lumina/` is the hub's own and let through."""

    def __init__(self, app: ASGIApp, hub: HubClient, metrics: ModuleMetrics, log: FilteringBoundLogger) -> None:
        self._app, self._hub, self._metrics, self._log = app, hub, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith(INTERNAL):
            await self._app(scope, receive, send)
            return
        try:
            call = caller_of(Headers(scope=scope), self._hub)
        except Unauthenticated as error:
            await respond(error.problem)(scope, receive, send)
            return
        scope.setdefault("state", {})["call"] = call
        with structlog.contextvars.bound_contextvars(request_id=call.request_id):
            await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method = scope.get("method", "GET")
        status: int | None = None
        complete = False

        async def watched(message: Message) -> None:
            nonlocal status, complete
            if message["type"] in ("http.response.start", "websocket.accept"):
                status = message.get("status", 101)
                self._metrics.request_seconds.labels(method, _template(scope)).observe(time.perf_counter() - started)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            self._log.exception("request_failed", method=method, path=_template(scope))
            if not complete:
                raise  # the connection is cut, so that nobody takes what was sent for the whole
        finally:
            self._metrics.requests.labels(method, _template(scope), str(status or 500)).inc()


def _template(scope: Scope) -> str:
    """The path's template, so that metrics do not grow with what is asked for; the router notes the route it chose."""
    return str(getattr(scope.get("route"), "path", "?"))
