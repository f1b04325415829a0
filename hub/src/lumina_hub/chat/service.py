"""Questions and answers: understood with their session, searched for, answered, kept, and only then acknowledged."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from lumina_core.answers.base import Answer, Answerer, Outcome
from lumina_core.errors import DependencyDown, NotFound
from lumina_core.memory.followup import Rewritten
from lumina_core.memory.recall import Recalled
from lumina_core.memory.service import ChatMemory
from lumina_core.memory.turns import FeedbackValue, TurnId
from lumina_core.retrieval.hits import SearchResult
from lumina_hub.auth.principal import Principal
from lumina_hub.chat.schemas import citation_out, feedback_out, session_out, turn_out
from lumina_hub.metrics.registry import Metrics
from lumina_hub.search.service import SearchService
from lumina_sdk.contract import ChatAnswer, ChatRequest, Feedback, NewTurn, Sessions, TurnDetail, Turns
from lumina_sdk.contract import Outcome as WireOutcome

__all__ = ["ChatService", "StartedTurn"]

_HITS = 10
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StartedTurn:
    """A turn that has its id and session, and no answer yet."""

    turn: TurnId
    session: str


class ChatService:
    """A principal sees its own turns and nobody else's.

    Args:
        threads: Where answers are made, off the event loop.
        gap_threshold: Less confident answers count as misses of `retrieval_hit_ratio`.
    """

    def __init__(
        self,
        memory: ChatMemory,
        search: SearchService,
        answerer: Answerer,
        metrics: Metrics,
        threads: Executor,
        *,
        gap_threshold: float,
    ) -> None:
        self._memory = memory
        self._search = search
        self._answerer = answerer
        self._metrics = metrics
        self._threads = threads
        self._gap_threshold = gap_threshold

    def check(self, question: ChatRequest) -> None:
        """Raises `QuestionTooLong`."""
        self._search.check(question.query)

    def start(self, question: ChatRequest) -> StartedTurn:
        """Name the turn, and the session where the question names none."""
        return StartedTurn(self._memory.next_id(), question.session or f"s_{secrets.token_hex(8)}")

    async def ask(self, question: ChatRequest, principal: Principal, started: StartedTurn | None = None) -> ChatAnswer:
        """Answer, and keep the turn. Once this returns the turn survives `kill -9`.

        Raises:
            VectorStoreDown, EmbedderDown: the question cannot be searched for.
            StorageFull: the turn cannot be kept, so it is not answered.
        """
        began_s = time.perf_counter()
        turn = started or self.start(question)
        understood = await self._understood(question, principal)
        result, recalled = await asyncio.gather(
            self._search.find(understood.query, limit=_HITS), self._recalled(principal, understood.query)
        )
        answer = await self._answered(understood.query, result)
        await self._memory.remember(
            owner=principal.owner,
            session=turn.session,
            question=question.query,
            answer=answer,
            query=understood.query,
            turn=turn.turn,
        )
        took_s = time.perf_counter() - began_s
        self._measure(answer, recalled, took_s)
        return ChatAnswer(
            id=turn.turn,
            session=turn.session,
            query=question.query,
            answer=answer.text,
            outcome=WireOutcome(answer.outcome.value),
            confidence=round(answer.confidence, 4),
            cite_ids=tuple(dict.fromkeys(citation.cite_id for citation in answer.citations)),
            citations=tuple(citation_out(citation) for citation in answer.citations),
            took_ms=round(took_s * 1000, 2),
            searched_for=understood.query if understood.is_rewritten else None,
            recalled=tuple(past.id for past in recalled),
        )

    async def sessions(self, principal: Principal, *, limit: int) -> Sessions:
        found = await self._memory.sessions(principal.owner, limit=limit)
        return Sessions(sessions=tuple(session_out(summary) for summary in found))

    async def turns(
        self, principal: Principal, *, session: str | None, limit: int, before: str | None, embeddings: bool
    ) -> Turns:
        """Raises `NotFound` for a session or a `before` that the principal does not have."""
        found = await self._memory.page(principal.owner, session=session, limit=limit + 1, before=before)
        newest_first = found[::-1][:limit]
        return Turns(
            turns=tuple(turn_out(stored, embedding=embeddings) for stored in newest_first),
            before=newest_first[-1].turn.id if len(found) > limit else None,
        )

    async def turn(self, turn_id: str, principal: Principal) -> TurnDetail:
        """Raises `NotFound`, also for another owner's."""
        return turn_out(await self._memory.turn(turn_id, principal.owner), embedding=True)

    async def add(self, new: NewTurn, principal: Principal) -> TurnDetail:
        """Keep a turn that came about elsewhere. Once this returns it survives `kill -9`.

        Raises:
            InvalidInput: the session cannot be one.
            QuestionTooLong, StorageFull: nothing was kept.
        """
        self._search.check(new.user)
        answer = Answer(new.assistant, Outcome(new.outcome.value), new.confidence, (new.assistant,), (), {})
        turn = await self._memory.remember(
            owner=principal.owner,
            session=new.session,
            question=new.user,
            answer=answer,
            cite_ids=new.cite_ids,
            ts=new.ts,
        )
        return await self.turn(turn.id, principal)

    async def mark(self, turn_id: str, value: str, principal: Principal) -> Feedback:
        """Raises `NotFound`, also for another owner's, and `StorageFull`."""
        kept = await self._memory.feedback(turn_id, principal.owner, FeedbackValue(value))
        self._metrics.feedback.labels(value).inc()
        return feedback_out(kept)

    async def _understood(self, question: ChatRequest, principal: Principal) -> Rewritten:
        if question.session is None:
            return Rewritten(question.query)
        return await self._memory.stand_alone(principal.owner, question.session, question.query)

    async def _recalled(self, principal: Principal, query: str) -> Sequence[Recalled]:
        """Past turns. An answer does not fail for want of them: what is down is told by the search beside this, and
        while their collection is made anew there are none."""
        try:
            return await self._memory.recall(principal.owner, query)
        except (DependencyDown, NotFound) as error:
            _log.warning("recall_failed", reason=error.message)
            return ()

    async def _answered(self, query: str, result: SearchResult) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._answerer.answer, query, result)

    def _measure(self, answer: Answer, recalled: Sequence[Recalled], took_s: float) -> None:
        self._metrics.answers.labels(answer.outcome.value).inc()
        self._metrics.answer_seconds.observe(took_s)
        self._metrics.observe_hit(answer.outcome is not Outcome.ABSTAINED and answer.confidence >= self._gap_threshold)
        if recalled:
            self._metrics.memory_hits.inc()
