"""Routes on which a request with an Idempotency-Key counts once, however often it is sent."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.responses import StreamingResponse

from lumina_core.errors import CoreError, InvalidInput
from lumina_hub.idempotency.answers import FirstAnswers, KeptAnswer
from lumina_sdk.contract import IssuedToken, LoginSession, TokenResponse

__all__ = ["IdempotentRoute"]

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECRET = (IssuedToken, LoginSession, TokenResponse)
"""Answers that hold a secret are never kept: of secrets we keep digests."""
_LONGEST_KEY = 255
_HASHED_BYTES = 1024 * 1024
_KEPT_HEADERS = frozenset({"content-type", "location", "etag"})


class IdempotentRoute(APIRoute):
    """Answers a repeated request as it was answered first, to the same principal, for a day.

    Only what succeeded is kept: what failed is tried anew. The route's guard has put the principal into
    `request.state` by then; a public route has none, and takes no notice of the key.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if not _UNSAFE & set(self.methods or ()) or self.response_model in _SECRET:
            return handle

        async def once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            principal = getattr(request.state, "principal", None)
            if key is None or principal is None:
                return await handle(request)
            if not 1 <= len(key) <= _LONGEST_KEY:
                raise InvalidInput("the Idempotency-Key has no usable length", hint="Send 1 to 255 characters.")
            answers: FirstAnswers = request.app.state.runtime.answers
            found = await answers.claim(principal.id, key, await _fingerprint(request))
            if isinstance(found, KeptAnswer):
                return _again(found)
            try:
                response = await handle(request)
            except BaseException:
                with contextlib.suppress(CoreError):  # it ends by itself soon
                    await answers.forget(found)
                raise
            if response.status_code >= 400 or isinstance(response, StreamingResponse):
                await answers.forget(found)
            else:
                headers = [(name, value) for name, value in response.headers.items() if name in _KEPT_HEADERS]
                await answers.keep(found, response.status_code, headers, bytes(response.body))
            return response

        return once


async def _fingerprint(request: Request) -> str:
    """What makes two requests the same. Of a large body, which is a file, only the length counts."""
    length = request.headers.get("content-length", "")
    digest = hashlib.sha256(f"{request.method}\n{request.url.path}\n{request.url.query}\n{length}\n".encode())
    if length.isdecimal() and int(length) <= _HASHED_BYTES:
        digest.update(await request.body())
    return digest.hexdigest()


def _again(answer: KeptAnswer) -> Response:
    response = Response(answer.content, status_code=answer.status, headers=dict(answer.headers))
    response.headers["Idempotent-Replay"] = "true"
    return response
