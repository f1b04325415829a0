"""The language engine: text from a prompt."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = ["EngineInfo", "FinishReason", "GenerateDelta", "GenerateRequest", "Generated", "Message", "TokenLogprob"]


class FinishReason(StrEnum):
    """Why a text ends where it does."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


class Message(RequestModel):
    """Something said in the conversation a text continues."""

    role: Literal["system", "user", "assistant"]
    content: str


class GenerateRequest(RequestModel):
    """What to continue. `seed` and a `temperature` of 0 make an engine that can repeat itself do so."""

    messages: tuple[Message, ...] = Field(min_length=1, max_length=256)
    max_tokens: int = Field(default=512, ge=1, le=32_768)
    temperature: float = Field(default=0.2, ge=0, le=2)
    stop: tuple[str, ...] = Field(default=(), max_length=8)
    seed: int | None = None
    logprobs: bool = False
    stream: bool = Field(default=False, description="Send the text as server-sent events `delta` and `done`.")


class TokenLogprob(WireModel):
    """A token of the text and the natural logarithm of its probability."""

    token: str
    logprob: float


class Generated(WireModel):
    """A text, whole. `logprobs` is empty where the engine has none, or they were not asked for."""

    text: str
    model: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    logprobs: tuple[TokenLogprob, ...] = ()
    took_ms: float


class GenerateDelta(WireModel):
    """A piece of a streamed text, `delta`; the pieces joined are `Generated.text`."""

    text: str


class EngineInfo(WireModel):
    """The engine in use and what it can do. `context_tokens` is None where the engine does not say."""

    driver: str
    model: str
    streaming: bool = False
    logprobs: bool = False
    adapters: bool = False
    context_tokens: int | None = None
