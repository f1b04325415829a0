"""Prompts and texts between the wire and the core."""

from __future__ import annotations

from lumina_core.engines.base import EngineInfo as CoreInfo
from lumina_core.engines.base import Message, Prompt
from lumina_sdk.contract import EngineInfo, GenerateRequest

__all__ = ["info_out", "prompt_in"]


def prompt_in(request: GenerateRequest) -> Prompt:
    return Prompt(
        messages=tuple(Message(message.role, message.content) for message in request.messages),
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        stop=request.stop,
        seed=request.seed,
        logprobs=request.logprobs,
    )


def info_out(info: CoreInfo) -> EngineInfo:
    return EngineInfo(
        driver=info.driver,
        model=info.model,
        streaming=info.streaming,
        logprobs=info.logprobs,
        adapters=info.adapters,
        context_tokens=info.context_tokens,
    )
