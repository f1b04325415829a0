"""Recall: past turns of one person that bear on a question, out of `chat_long`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import Filter, Match, Point, Query, Range, Record, StoreHit, VectorStore
from lumina_core.memory.ranking import Ranked, RankingSettings, Remembered, TurnRanker
from lumina_core.memory.turns import Turn, TurnId, turn_text
from lumina_core.text.analysis import bm25_document, bm25_query

__all__ = ["CHAT_LONG", "RECALL_MAX_DAYS", "RECALL_TOP_K", "RecallSettings", "Recalled", "TurnRecall", "turn_point"]

CHAT_LONG = "chat_long"
RECALL_TOP_K = 3
RECALL_MAX_DAYS = 14.0

_DAY_S = 86_400.0
_FIELDS = ("id", "session", "ts", "user", "text", "confidence")


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """`top_k` turns of the last `max_days` days are recalled, at most.

    Up to `whole` turns in that time are all ranked; of more, the `candidates` best by vector, as many by terms, and
    the `sessions` these are from, up to `whole` turns of them. A turn is recalled only where its cosine reaches
    `min_cosine` or `min_matched` of the question's term weight is found in it or next to it: a ranking alone always has
    a first place.
    """

    top_k: int = RECALL_TOP_K
    max_days: float = RECALL_MAX_DAYS
    whole: int = 512
    candidates: int = 64
    sessions: int = 24
    min_cosine: float = 0.35
    min_matched: float = 0.6
    ranking: RankingSettings = field(default_factory=RankingSettings)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A past turn, why it came back (`contributions` sum to `score`), and its text: what was asked and answered."""

    id: TurnId
    session: str
    ts: float
    user: str
    assistant: str
    confidence: float
    score: float
    cosine: float
    contributions: Mapping[str, float]


def turn_point(turn: Turn, owner: str, vector: NDArray[np.float32]) -> Point:
    """A turn as a point of `chat_long`: the seed's payload, the owner, and the question."""
    return Point(
        id=turn.id,
        dense=vector,
        payload={
            "id": turn.id,
            "owner": owner,
            "session": turn.session,
            "ts": turn.ts,
            "confidence": turn.confidence,
            "text": turn.assistant,
            "user": turn.user,
        },
        bm25=bm25_document("", "", turn_text(turn.user, turn.assistant)),
    )


class TurnRecall:
    """Fetches candidates and ranks them; the ranking itself is `TurnRanker`."""

    def __init__(self, store: VectorStore, embedder: Embedder, settings: RecallSettings | None = None) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings or RecallSettings()

    async def recall(
        self, owner: str, question: str, *, now: float, limit: int | None = None, exclude: Collection[str] = ()
    ) -> list[Recalled]:
        """The owner's turns of the last days that bear on the question, the best first.

        Args:
            question: Standing alone.
            now: Epoch seconds; turns older than `max_days` before it stay out.
            limit: At most so many; `top_k` where None.
            exclude: Ids left out, such as the turns the session's history shows anyway.

        Raises:
            VectorStoreDown, EmbedderDown: As they say.
        """
        settings = self._settings
        wanted = settings.top_k if limit is None else limit
        if wanted <= 0 or not question.strip():
            return []
        since = Filter(must=(Match("owner", (owner,)), Range("ts", gte=now - settings.max_days * _DAY_S, lte=now)))
        vector = await asyncio.to_thread(self._embedder.embed_query, question)
        records = await self._candidates(question, vector, since)
        if not records:
            return []
        by_id = {record.id: record for record in records}
        ranked = await asyncio.to_thread(self._rank, question, vector, records)
        kept = [
            hit
            for hit in ranked
            if hit.id not in exclude and (hit.cosine >= settings.min_cosine or hit.matched >= settings.min_matched)
        ]
        return [_recalled(by_id[hit.id].payload, hit) for hit in kept[:wanted]]

    async def _candidates(self, question: str, vector: NDArray[np.float32], since: Filter) -> list[Record]:
        settings = self._settings
        ids = await self._ids(since, settings.whole + 1)
        if len(ids) > settings.whole:
            dense, lexical = await self._store.query(
                CHAT_LONG,
                [
                    Query("dense", vector, settings.candidates, since, payload=("session",)),
                    Query("bm25", bm25_query(question), settings.candidates, since, payload=("session",)),
                ],
            )
            sessions = tuple(_sessions_of(dense, lexical)[: settings.sessions])
            ids = await self._ids(Filter(must=(*since.must, Match("session", sessions))), settings.whole)
            ids = list(dict.fromkeys([hit.id for hit in (*dense, *lexical)] + ids))
        return await self._store.retrieve(CHAT_LONG, ids, payload=_FIELDS, vectors=("dense",)) if ids else []

    async def _ids(self, wanted: Filter, limit: int) -> list[str]:
        page, _ = await self._store.scroll(CHAT_LONG, filter=wanted, limit=limit, payload=("id",))
        return [record.id for record in page]

    def _rank(self, question: str, vector: NDArray[np.float32], records: Sequence[Record]) -> list[Ranked]:
        turns = [
            Remembered(
                record.id,
                record.payload["session"],
                float(record.payload["ts"]),
                "",
                turn_text(record.payload.get("user", ""), record.payload["text"]),
                record.dense,
            )
            for record in records
            if record.dense is not None
        ]
        return TurnRanker(turns, self._settings.ranking).rank(question, vector)


def _sessions_of(dense: Sequence[StoreHit], lexical: Sequence[StoreHit]) -> list[str]:
    """Sessions by the best place one of their turns has in either list."""
    best: dict[str, int] = {}
    for hits in (dense, lexical):
        for place, hit in enumerate(hits):
            session = hit.payload["session"]
            best[session] = min(place, best.get(session, place))
    return sorted(best, key=lambda session: (best[session], session))


def _recalled(payload: Mapping[str, Any], hit: Ranked) -> Recalled:
    return Recalled(
        id=TurnId(hit.id),
        session=payload["session"],
        ts=float(payload["ts"]),
        user=payload.get("user", ""),
        assistant=payload["text"],
        confidence=float(payload["confidence"]),
        score=hit.score,
        cosine=hit.cosine,
        contributions=hit.contributions,
    )
