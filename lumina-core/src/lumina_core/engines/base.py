"""The seam behind which text is generated (`lumina.engines`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

__all__ = ["Engine", "EngineInfo", "FinishReason", "Message", "Piece", "Prompt"]


class FinishReason(StrEnum):
    """Why a text ends where it does."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Message:
    """Something said in the conversation a text continues."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to continue, and how. `temperature` 0 and a `seed` make an engine that can repeat itself do so."""

    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float = 0.2
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text. `logprobs` are its tokens with the natural logarithms of their probabilities, where the engine
    has them. The last piece says why the text ends and how many tokens were read and written."""

    text: str
    logprobs: tuple[tuple[str, float], ...] = ()
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is and can do. `generates`: whether it can write text at all. `context_tokens` is None where it
    does not say, or has no such limit."""

    driver: str
    model: str
    generates: bool = False
    streaming: bool = False
    logprobs: bool = False
    adapters: bool = False
    context_tokens: int | None = None


class Engine(Protocol):
    """Generates text. For one event loop; several texts may be under way at once."""

    @property
    def info(self) -> EngineInfo: ...

    def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Give the text piece by piece; closing the iterator ends the work.

        Raises:
            Unsupported: Before the first piece: this engine cannot generate, or not so.
            DependencyDown: Its server does not answer.
        """

    async def close(self) -> None:
        """Release the model. Calling it twice is fine."""
