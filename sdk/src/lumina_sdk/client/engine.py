"""The language engine. Needs `use:llm`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lumina_sdk.client.connection import Connection
from lumina_sdk.contract import EngineInfo, Generated, GenerateDelta, GenerateRequest, Message

__all__ = ["EngineApi"]

_ENGINE = "/api/v1/engine"
_GENERATING_S = 300


class EngineApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def info(self) -> EngineInfo:
        """The engine in use, and what it can do."""
        return await self._connection.ask(EngineInfo, "GET", _ENGINE)

    async def generate(self, request: GenerateRequest | str) -> Generated:
        """Generate a text; a `str` is what a user says."""
        path = f"{_ENGINE}/generate"
        return await self._connection.ask(
            Generated, "POST", path, _request(request, stream=False), longer_s=_GENERATING_S
        )

    async def generate_in_pieces(self, request: GenerateRequest | str) -> AsyncIterator[GenerateDelta | Generated]:
        """Generate a text and follow it: `GenerateDelta`s, then the `Generated`. Leaving the loop stops the engine."""
        body = _request(request, stream=True)
        async for name, data in self._connection.events("POST", f"{_ENGINE}/generate", body, longer_s=_GENERATING_S):
            if name == "delta":
                yield GenerateDelta.model_validate_json(data)
            elif name == "done":
                yield Generated.model_validate_json(data)


def _request(request: GenerateRequest | str, *, stream: bool) -> GenerateRequest:
    if isinstance(request, str):
        request = GenerateRequest(messages=(Message(role="user", content=request),))
    return GenerateRequest.model_validate(request.model_dump() | {"stream": stream})
