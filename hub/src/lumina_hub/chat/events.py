"""An answer as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator

import structlog
from pydantic import BaseModel

from lumina_core.errors import CoreError
from lumina_hub.auth.principal import Principal
from lumina_hub.chat.service import ChatService
from lumina_hub.errors import HubError
from lumina_hub.problems import problem_of
from lumina_sdk.contract import ChatDelta, ChatRequest, ChatStart

__all__ = ["pieces", "stream_events"]

_PIECE = re.compile(r"\S+\s*|\s+")
_log = structlog.get_logger(__name__)


async def stream_events(
    chat: ChatService, question: ChatRequest, principal: Principal, request_id: str | None
) -> AsyncIterator[bytes]:
    """Yield `start`, then `delta`s, then `done`; or `error` with a problem, after which nothing follows.

    A reader that goes away does not undo the turn: once begun it is finished and kept.
    """
    started = chat.start(question)
    yield _event("start", ChatStart(id=started.turn, session=started.session))
    asking = asyncio.ensure_future(chat.ask(question, principal, started))
    try:
        answer = await asyncio.shield(asking)
    except (HubError, CoreError) as error:
        yield _event("error", problem_of(error, request_id=request_id))
        return
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await asking
        raise
    except Exception as error:
        _log.exception("chat_stream_failed", request_id=request_id)
        yield _event("error", problem_of(error, request_id=request_id))
        return
    for piece in pieces(answer.answer):
        yield _event("delta", ChatDelta(text=piece))
    yield _event("done", answer)


def pieces(text: str) -> Iterator[str]:
    """Cut text into words with the white space after them; joined they are `text`."""
    return iter(_PIECE.findall(text))


def _event(name: str, data: BaseModel) -> bytes:
    return f"event: {name}\ndata: {data.model_dump_json(exclude_none=True)}\n\n".encode()
