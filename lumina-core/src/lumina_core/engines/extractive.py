"""The engine without a model: answers are sentences of the sources, and nothing is generated."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from lumina_core.engines.base import EngineInfo, Piece, Prompt
from lumina_core.errors import Unsupported

__all__ = ["ExtractiveEngine"]


class ExtractiveEngine:
    """What Lumina runs on out of the box. It needs no weights, and says plainly that it cannot generate."""

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(driver="extractive", model="extractive")

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Raises `Unsupported`, always."""
        raise Unsupported(
            "the engine 'extractive' answers with sentences of the sources and cannot generate text",
            hint="Ask `/api/v1/chat` for a cited answer, or set LUMINA_ENGINE to an engine with a model.",
        )
        yield Piece("")  # makes this a generator

    async def close(self) -> None:
        """There is nothing to release."""
