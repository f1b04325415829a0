"""The language engine, for the routes: a text whole, or piece by piece as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import structlog
from pydantic import BaseModel

from lumina_core.engines.base import Engine, Piece
from lumina_core.errors import CoreError, Unsupported
from lumina_hub.engines.schemas import info_out, prompt_in
from lumina_hub.problems import problem_of
from lumina_sdk.contract import (
    EngineInfo,
    FinishReason,
    Generated,
    GenerateDelta,
    GenerateRequest,
    TokenLogprob,
)

__all__ = ["EngineService"]

_log = structlog.get_logger(__name__)


class EngineService:
    """Every method raises what `Engine.generate` raises."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def info(self) -> EngineInfo:
        return info_out(self._engine.info)

    def check(self, request: GenerateRequest) -> None:
        """Raise `Unsupported` for what the engine says it cannot do, before anything is answered."""
        info = self._engine.info
        if not info.generates:
            raise Unsupported(
                f"the engine {info.driver!r} cannot generate text",
                hint="Ask `/api/v1/chat` for a cited answer, or set LUMINA_ENGINE to an engine with a model.",
            )
        if request.logprobs and not info.logprobs:
            raise Unsupported(f"the engine {info.driver!r} gives no log-probabilities", hint="Ask without `logprobs`.")

    async def generate(self, request: GenerateRequest) -> Generated:
        began_s = time.perf_counter()
        pieces = [piece async for piece in self._pieces(request)]
        return self._whole(pieces, began_s)

    async def stream(self, request: GenerateRequest, request_id: str | None) -> AsyncIterator[bytes]:
        """Yield `delta`s, then `done` with the whole; or `error` with a problem. Closing it ends the work."""
        began_s = time.perf_counter()
        pieces: list[Piece] = []
        try:
            async with aclosing(self._pieces(request)) as coming:
                async for piece in coming:
                    pieces.append(piece)
                    if piece.text:
                        yield _event("delta", GenerateDelta(text=piece.text))
        except CoreError as error:
            yield _event("error", problem_of(error, request_id=request_id))
            return
        except Exception as error:
            _log.exception("generation_failed", request_id=request_id)
            yield _event("error", problem_of(error, request_id=request_id))
            return
        yield _event("done", self._whole(pieces, began_s))

    async def _pieces(self, request: GenerateRequest) -> AsyncGenerator[Piece, None]:
        async with aclosing(self._engine.generate(prompt_in(request))) as pieces:
            async for piece in pieces:
                yield piece

    def _whole(self, pieces: list[Piece], began_s: float) -> Generated:
        last = pieces[-1] if pieces else Piece("")
        return Generated(
            text="".join(piece.text for piece in pieces),
            model=self._engine.info.model,
            finish_reason=FinishReason(last.finish_reason or FinishReason.STOP),
            prompt_tokens=last.prompt_tokens,
            completion_tokens=last.completion_tokens,
            logprobs=tuple(
                TokenLogprob(token=token, logprob=value) for piece in pieces for token, value in piece.logprobs
            ),
            took_ms=round((time.perf_counter() - began_s) * 1000, 2),
        )


def _event(name: str, data: BaseModel) -> bytes:
    return f"event: {name}\ndata: {data.model_dump_json(exclude_none=True)}\n\n".encode()
