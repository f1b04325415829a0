"""Idempotency keys: a request that is sent again is not done again."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Repeats"]


class Repeats:
    """Keeps the answer to each request with an `Idempotency-Key`, by caller, and gives it to a repetition."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: dict[tuple[str, str, str], list[Message]] = {}
        self._locks: dict[tuple[str, str, str], asyncio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get("idempotency-key")
        if key is None:
            await self._app(scope, receive, send)
            return
        name = (headers.get("authorization", ""), scope["path"], key)
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self._answers:
                sent: list[Message] = []

                async def watched(message: Message) -> None:
                    sent.append(message)
                    await send(message)

                await self._app(scope, receive, watched)
                if sent and sent[0].get("status", 500) < 500:
                    self._answers[name] = sent
                return
        for message in self._answers[name]:
            await send(message)
