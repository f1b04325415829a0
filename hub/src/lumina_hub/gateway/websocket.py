"""A WebSocket through the gateway: accepted on both sides or on neither."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Send

from lumina_hub.gateway.upstream import UpstreamSocket

__all__ = ["carry"]

_GOING_AWAY = 1001
_UNSAYABLE = (1005, 1006, 1015)
"""What RFC 6455, section 7.4.1, reserves for "there was no close frame"."""

_INTERNAL_ERROR = 1011


async def carry(receive: Receive, send: Send, module: UpstreamSocket) -> None:
    """Accept the caller's side and pass messages both ways until either side ends."""
    await send({"type": "websocket.accept", "subprotocol": module.subprotocol, "headers": []})

    async def outward() -> None:
        while (message := await module.receive()) is not None:
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
        code = _INTERNAL_ERROR if module.close_code in _UNSAYABLE else module.close_code
        await send({"type": "websocket.close", "code": code, "reason": module.close_reason})

    async def inward() -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code", _GOING_AWAY)
                await module.close(_GOING_AWAY if code in _UNSAYABLE else code, message.get("reason") or "")
                return
            text = message.get("text")
            await module.send(text if text is not None else message["bytes"])

    tasks = [asyncio.create_task(outward()), asyncio.create_task(inward())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await module.close(_GOING_AWAY, "")
