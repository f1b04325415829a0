"""Questions and answers."""

from __future__ import annotations

from dataclasses import dataclass

from lumina_hub.auth.principal import Principal
from lumina_hub.errors import NotReady
from lumina_sdk.contract import ChatAnswer, ChatRequest, Feedback, Sessions, Turn, Turns

__all__ = ["ChatService"]


class ChatService:
    """Questions and answers."""

    def check(self, question: ChatRequest) -> None:
        raise NotReady

    def start(self, question: ChatRequest) -> StartedTurn:
        raise NotReady

    async def ask(self, question: ChatRequest, principal: Principal, started: StartedTurn | None = None) -> ChatAnswer:
        raise NotReady

    async def sessions(self, principal: Principal, *, limit: int) -> Sessions:
        raise NotReady

    async def turns(
        self, principal: Principal, *, session: str | None, limit: int, before: str | None, embeddings: bool
    ) -> Turns:
        raise NotReady

    async def turn(self, turn_id: str, principal: Principal) -> Turn:
        raise NotReady

    async def mark(self, turn_id: str, value: str, principal: Principal) -> Feedback:
        raise NotReady


@dataclass(frozen=True, slots=True)
class StartedTurn:
    """A turn that has its id and session, and no answer yet."""

    turn: str
    session: str
