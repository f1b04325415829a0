"""Past turns and sessions. Reading needs `read:chat_history`, adding `write:chat_history`."""

from __future__ import annotations

from typing import Literal

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.paths import part
from lumina_sdk.contract import Feedback, FeedbackRequest, NewTurn, Sessions, TurnDetail, Turns

__all__ = ["TurnsApi"]

_TURNS = "/api/v1/chat/turns"


class TurnsApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def sessions(self, *, limit: int = 100) -> Sessions:
        """The caller's sessions, most recently used first."""
        return await self._connection.ask(Sessions, "GET", "/api/v1/chat/sessions", params={"limit": limit})

    async def list(
        self, *, session: str | None = None, limit: int = 50, before: str | None = None, embeddings: bool = False
    ) -> Turns:
        """A page of turns, newest first, of one session or of all."""
        params = {"session": session, "limit": limit, "before": before, "embeddings": embeddings or None}
        return await self._connection.ask(Turns, "GET", _TURNS, params=params)

    async def get(self, turn_id: str) -> TurnDetail:
        """One turn. Raises `NotFound`, also for another owner's."""
        return await self._connection.ask(TurnDetail, "GET", f"{_TURNS}/{part(turn_id)}")

    async def add(self, turn: NewTurn) -> TurnDetail:
        """Remember a question and its answer that came about elsewhere."""
        return await self._connection.ask(TurnDetail, "POST", _TURNS, turn)

    async def mark(self, turn_id: str, value: Literal["up", "down"]) -> Feedback:
        """Say whether an answer was right."""
        path = f"{_TURNS}/{part(turn_id)}/feedback"
        return await self._connection.ask(Feedback, "POST", path, FeedbackRequest(value=value))
