"""Chat memory as the hub uses it: remember, look back, recall."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from redis.asyncio import Redis

from lumina_core.answers.base import Answer, Outcome
from lumina_core.drivers.embedder import Embedder, Vectors
from lumina_core.drivers.vector_store import VectorStore
from lumina_core.errors import (
    CorruptLog,
    DependencyDown,
    EmbedderDown,
    InvalidInput,
    NotFound,
    RedisDown,
    StorageFull,
)
from lumina_core.graph.log import Entry, GraphLog, Written
from lumina_core.memory.dependence import find_dependence
from lumina_core.memory.events import announce_turn
from lumina_core.memory.followup import PastTurn, Rewritten, rewrite
from lumina_core.memory.long_term import LongTerm
from lumina_core.memory.recall import Recalled, RecallSettings, TurnRecall
from lumina_core.memory.short_term import ShortTerm
from lumina_core.memory.turn_index import SessionSummary, StoredTurn, TurnIndex
from lumina_core.memory.turn_vectors import TurnVectors, mean_vector
from lumina_core.memory.turns import (
    ANSWERS,
    FEEDBACK,
    TURNS,
    AnswerRecord,
    Feedback,
    FeedbackValue,
    Turn,
    TurnId,
    check_session,
    encode_answer,
    encode_feedback,
    encode_turn,
    new_turn_id,
    rounded,
    without_markers,
)

__all__ = ["HISTORY_TURNS", "ChatMemory", "MemorySettings"]

HISTORY_TURNS = 4
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """`history_turns` of a session are shown to whoever answers; recall has settings of its own."""

    history_turns: int = HISTORY_TURNS
    recall: RecallSettings = field(default_factory=RecallSettings)


class ChatMemory:
    """Turns of every owner: in the log (the truth), in Redis (the last ones), in `chat_long` (to recall from).

    A turn is acknowledged when it is in the log. What then fails to reach Redis or `chat_long` is brought there by the
    next `catch_up`, which `remember` starts by itself once something was missed.
    """

    def __init__(
        self,
        log: GraphLog,
        store: VectorStore,
        redis: Redis,
        embedder: Embedder,
        index: TurnIndex,
        *,
        settings: MemorySettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._log = log
        self._redis = redis
        self._embedder = embedder
        self._index = index
        self._settings = settings or MemorySettings()
        self._now = now
        self._random_hex = random_hex
        self._short = ShortTerm(redis, from_log=self._recent_from_log)
        self._vectors = TurnVectors(store, embedder)
        self._long = LongTerm(store, embedder, index, log.root)
        self._recall = TurnRecall(store, embedder, self._settings.recall)
        self._catching_up = asyncio.Lock()
        self._missed = False
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        log: GraphLog,
        store: VectorStore,
        redis: Redis,
        embedder: Embedder,
        index_path: Path,
        *,
        settings: MemorySettings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> ChatMemory:
        """Open the turn index beside the catalogue and catch up; what is down meanwhile is caught up with later."""
        index = await asyncio.to_thread(TurnIndex.open, index_path, log.root)
        memory = cls(log, store, redis, embedder, index, settings=settings, now=now, random_hex=random_hex)
        try:
            await memory.catch_up()
        except (DependencyDown, StorageFull) as error:
            memory._missed = True
            _log.warning("chat_memory_behind", reason=error.message)
        return memory

    @property
    def turns(self) -> int:
        """How many turns are remembered, of all owners."""
        return self._index.count()

    def next_id(self) -> TurnId:
        """An id for the turn that is about to be answered, so that it can be told before the answer is there."""
        return new_turn_id(self._now(), random_hex=self._random_hex)

    async def remember(
        self,
        *,
        owner: str,
        session: str,
        question: str,
        answer: Answer,
        query: str | None = None,
        turn: TurnId | None = None,
        cite_ids: Sequence[str] = (),
        ts: float | None = None,
    ) -> Turn:
        """Keep a turn for good, then put it where the next question finds it.

        Args:
            session: New ones need no announcement.
            query: What was searched for, where a follow-up was rewritten; it is also what the turn is found by.
            turn: From `next_id`; a new one where None.
            cite_ids: What the answer stands on beside its citations, for an answer that came about elsewhere.
            ts: When it was given, epoch seconds; None for now.

        Returns:
            The turn as logged. Once this returns it survives `kill -9`.

        Raises:
            InvalidInput: The session cannot be one, or the question is empty.
            StorageFull: The log has no room; nothing was kept.
        """
        check_session(session)
        if not question.strip():
            raise InvalidInput("the question is empty", hint="Ask something.")
        now = self._now()
        cited = tuple(dict.fromkeys([*(citation.cite_id for citation in answer.citations), *cite_ids]))
        record = AnswerRecord(
            turn or new_turn_id(now, random_hex=self._random_hex),
            owner,
            Outcome(answer.outcome),
            query or question,
            answer.citations,
        )
        vectors = await self._vectors_of(record, without_markers(answer.text))
        kept = Turn(
            id=record.turn,
            session=session,
            ts=now.timestamp() if ts is None else ts,
            user=question,
            assistant=answer.text,
            confidence=answer.confidence,
            cite_ids=cited,
            embedding=() if vectors is None else rounded(mean_vector(vectors)),
        )
        # The answer first: the turn's own line is what makes the pair complete.
        written = await asyncio.wrap_future(
            self._log.append_many([(ANSWERS, [encode_answer(record)]), (TURNS, [encode_turn(kept)])])
        )
        await self._index_written(
            (ANSWERS, written[0][0], encode_answer(record)), (TURNS, written[1][0], encode_turn(kept))
        )
        try:
            await self._short.add(owner, [kept])
            await announce_turn(self._redis, kept, owner, record.outcome)
        except (RedisDown, StorageFull) as error:
            self._miss(error)
        self._start(self._add_long(owner, kept, record, vectors))
        return kept

    async def history(self, owner: str, session: str, *, limit: int | None = None) -> list[Turn]:
        """The session's last turns, oldest first, without embeddings; empty for a session that has none.

        While Redis is away, or knows nothing of the session, they are read from the log.
        """
        return await self._short.recent(owner, session, self._settings.history_turns if limit is None else limit)

    async def stand_alone(self, owner: str, session: str, question: str) -> Rewritten:
        """The question with what a follow-up leaves out, from the session's last turns.

        A question that stands alone is given back without a look at them.
        """
        question = " ".join(question.split())
        if find_dependence(question) is None:
            return Rewritten(question)
        turns = await self.history(owner, session)
        return rewrite(question, await asyncio.to_thread(self._past, owner, turns))

    def _past(self, owner: str, turns: Sequence[Turn]) -> list[PastTurn]:
        past = []
        for turn in turns:
            with contextlib.suppress(CorruptLog, NotFound):  # NotFound: the index file lags behind
                answer = self._index.get(turn.id, owner).answer
                titles = tuple(dict.fromkeys(citation.title for citation in answer.citations))
                past.append(PastTurn(turn.id, turn.user, answer.query, without_markers(turn.assistant), titles))
        return past

    async def recall(
        self,
        owner: str,
        question: str,
        *,
        now: float | None = None,
        limit: int | None = None,
        exclude: Collection[str] = (),
    ) -> list[Recalled]:
        """The owner's past turns that bear on the question; see `TurnRecall.recall`."""
        at = self._now().timestamp() if now is None else now
        return await self._recall.recall(owner, question, now=at, limit=limit, exclude=exclude)

    async def sessions(self, owner: str, *, limit: int = 100) -> list[SessionSummary]:
        """The owner's sessions, the latest first."""
        return await asyncio.to_thread(self._index.sessions, owner, limit=limit)

    async def turn(self, turn: str, owner: str) -> StoredTurn:
        """One turn. Raises `NotFound` for an unknown one and for another owner's."""
        return await asyncio.to_thread(self._index.get, turn, owner)

    async def page(
        self, owner: str, *, session: str | None = None, limit: int = 50, before: str | None = None
    ) -> list[StoredTurn]:
        """The newest turns, oldest first, up to the one before `before`. Raises `NotFound` for an unknown session."""
        return await asyncio.to_thread(self._index.page, owner, session=session, limit=limit, before=before)

    async def feedback(self, turn: str, owner: str, value: FeedbackValue) -> Feedback:
        """Keep a verdict for good; the last one counts. Raises `NotFound` as `turn` does, and `StorageFull`."""
        stored = await self.turn(turn, owner)
        feedback = Feedback(stored.turn.id, owner, value, self._now().timestamp())
        record = encode_feedback(feedback)
        written = await asyncio.wrap_future(self._log.append(FEEDBACK, [record]))
        await self._index_written((FEEDBACK, written[0], record))
        return feedback

    async def catch_up(self) -> int:
        """Bring the index file, Redis and `chat_long` up to the log, from their cursors.

        Returns:
            How many turns were put into `chat_long`. Only turns without an embedding are embedded; sentences are.

        Raises:
            DependencyDown: Something is away; what was done stays done.
        """
        return await self._bring_up(from_start=False)

    async def rebuild(self) -> int:
        """Make Redis' share and `chat_long` anew from the log's first line, trusting nothing they hold.

        Meanwhile history is read from the log where Redis lacks it, and recall finds what is there already.

        Returns, raises: As `catch_up`. What was cut off goes on with the next `catch_up`.
        """
        return await self._bring_up(from_start=True)

    async def _bring_up(self, *, from_start: bool) -> int:
        async with self._catching_up:
            self._missed = False
            try:
                await asyncio.to_thread(self._index.catch_up)
                redis_error = None
                try:
                    await self._short.rebuild(self._log.root, from_start=from_start)
                except (RedisDown, StorageFull) as error:  # what the store lacks can be brought there all the same
                    redis_error = error
                filled = await self._long.fill(from_start=from_start)
                if redis_error is not None:
                    raise redis_error
            except BaseException:
                self._missed = True
                raise
            return filled

    async def settle(self) -> None:
        """Wait until every remembered turn has reached `chat_long`, or failed to."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Settle and release the index file; log, store and Redis belong to the caller."""
        await self.settle()
        await asyncio.to_thread(self._index.close)

    async def _vectors_of(self, answer: AnswerRecord, said: str) -> Vectors | None:
        try:
            return await self._vectors.of(answer, said)
        except EmbedderDown as error:
            _log.warning("turn_kept_without_embedding", reason=error.message)
            return None

    async def _index_written(self, *lines: tuple[str, Written, dict[str, object]]) -> None:
        entries = [Entry(place.day, place.start, place.end, record, stream) for stream, place, record in lines]
        try:
            await asyncio.to_thread(self._index.apply, entries)
        except StorageFull as error:
            self._miss(error)

    async def _add_long(self, owner: str, turn: Turn, answer: AnswerRecord, vectors: Vectors | None) -> None:
        try:
            await self._long.add(owner, turn, answer, vectors)
        except (DependencyDown, StorageFull, NotFound) as error:  # NotFound: `chat_long` is being made anew
            self._miss(error)
            return
        if self._missed:
            with contextlib.suppress(DependencyDown, StorageFull):
                await self.catch_up()

    async def _recent_from_log(self, owner: str, session: str, limit: int) -> Sequence[Turn]:
        page = await asyncio.to_thread(self._index.recent, owner, session, limit)
        return [replace(stored.turn, embedding=()) for stored in page]

    def _miss(self, error: Exception) -> None:
        self._missed = True
        _log.warning("chat_memory_behind", reason=str(error))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
