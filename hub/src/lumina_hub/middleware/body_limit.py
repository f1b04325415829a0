"""Refusing a body that is too large, without reading it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lumina_hub.errors import BodyTooLarge
from lumina_hub.problems import respond_to

__all__ = ["BodyLimit"]


class BodyLimit:
    """Answers 413 from the Content-Length alone; a body that does not say its length is cut off at the limit."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        """`larger` are the limits of paths that begin so."""
        self._app = app
        self._limit_bytes = limit_bytes
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit_bytes = self._limit(scope["path"])
        if _content_length(scope) > limit_bytes:
            await self._refuse(limit_bytes, scope, receive, send)
            return

        seen = 0
        too_large = False
        started = False

        async def counted() -> Message:
            nonlocal seen, too_large
            if too_large:
                return {"type": "http.disconnect"}
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit_bytes:
                too_large = True
                return {"type": "http.disconnect"}
            return message

        async def held(message: Message) -> None:
            nonlocal started
            if too_large and not started:
                return  # whatever the application makes of the cut body, the answer is ours
            started = True
            await send(message)

        try:
            await self._app(scope, counted, held)
        except Exception:
            if not too_large or started:
                raise
        if too_large and not started:
            await self._refuse(limit_bytes, scope, receive, send)

    def _limit(self, path: str) -> int:
        return next((limit for prefix, limit in self._larger.items() if path.startswith(prefix)), self._limit_bytes)

    async def _refuse(self, limit_bytes: int, scope: Scope, receive: Receive, send: Send) -> None:
        response = respond_to(
            BodyTooLarge(limit_bytes), instance=scope["path"], request_id=scope.get("lumina.request_id")
        )
        response.headers["Connection"] = "close"  # the rest of the body is not read
        await response(scope, receive, send)


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            try:
                return int(value)
            except ValueError:
                return 0
    return 0
