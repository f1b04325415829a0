"""Recall: past turns of one person that bear on a question, out of `chat_long`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lumina_core.drivers.embedder import Embedder, Vectors
from lumina_core.drivers.vector_store import Filter, Match, Point, Query, Range, StoreHit, VectorStore
from lumina_core.memory.ranking import Ranked, RankingSettings, Remembered, TurnRanker
from lumina_core.memory.turns import Turn, TurnId, turn_text
from lumina_core.retrieval.encoding import ENCODING_VERSION, pack_terms, unpack_terms
from lumina_core.text.analysis import bm25_document, bm25_query
from lumina_core.text.sentences import split_sentences

__all__ = [
    "CHAT_LONG",
    "RECALL_MAX_DAYS",
    "RECALL_TOP_K",
    "SENTENCES_KEPT",
    "TURN_ENCODING",
    "RecallSettings",
    "Recalled",
    "TurnRecall",
    "matched_sentences",
    "turn_point",
]

CHAT_LONG = "chat_long"
RECALL_TOP_K = 3
RECALL_MAX_DAYS = 14.0
SENTENCES_KEPT = 12
"""Sentences of a turn that are matched one by one; those beyond count by the turn's own vector alone."""
TURN_ENCODING = f"2.{ENCODING_VERSION}"
"""Changes when equal turns give other points than before: `chat_long` is then filled anew."""

_DAY_S = 86_400.0
_NEIGHBOURS = (0, -1, 1, -2, 2)
_LOOKED_AT = 20
_FIELDS = ("session", "place", "ts", "user", "text", "terms", "confidence")


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """`top_k` turns of the last `max_days` days are recalled, at most.

    Up to `ranked` turns in that time are all ranked; of more, the `candidates` best by vector, as many by terms, and
    the turns next to these. A turn is recalled only where its cosine reaches `min_cosine` or `min_matched` of the
    question's term weight is found in it or next to it: a ranking alone always has a first place.
    """

    top_k: int = RECALL_TOP_K
    max_days: float = RECALL_MAX_DAYS
    ranked: int = 128
    candidates: int = 24
    min_cosine: float = 0.4
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


def matched_sentences(*texts: str) -> list[str]:
    """The sentences of a turn that get vectors of their own, such as its question and those of its answer."""
    found = (text[start:end] for text in texts for start, end in split_sentences(text))
    return list(itertools.islice(found, SENTENCES_KEPT))


def turn_point(turn: Turn, owner: str, *, query: str, place: int, vector: Vectors, sentences: Vectors) -> Point:
    """A turn as a point of `chat_long`: the seed's payload, the owner, the question, and what the ranking needs.

    Args:
        turn: Its answer without markers.
        query: The question as it stands alone: what the turn is found by.
        place: How many turns of the session came before it.
        vector: Of all of it, `(dim,)`.
        sentences: Of its sentences, `(n, dim)`; the turn's own vector where there is none.
    """
    text = turn_text(query, turn.assistant)
    return Point(
        id=turn.id,
        dense=vector,
        sentences=sentences if len(sentences) else vector[None, :],
        payload={
            "id": turn.id,
            "owner": owner,
            "session": turn.session,
            "place": place,
            "spot": _spot(turn.session, place),
            "ts": turn.ts,
            "confidence": turn.confidence,
            "text": turn.assistant,
            "user": turn.user,
            "terms": pack_terms([text])[0],
        },
        bm25=bm25_document("", "", text),
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    payload: Mapping[str, Any]
    cosine: float
    sentence_cosine: float


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
        candidates = await self._candidates(question, vector, since)
        ranked = _rank(question, candidates, settings.ranking, limit=wanted + len(exclude) + _LOOKED_AT)
        kept = [
            hit
            for hit in ranked
            if hit.id not in exclude and (hit.cosine >= settings.min_cosine or hit.matched >= settings.min_matched)
        ]
        return [_recalled(candidates[hit.id].payload, hit) for hit in kept[:wanted]]

    async def _candidates(self, question: str, vector: Vectors, since: Filter) -> dict[str, _Candidate]:
        """What is ranked, in two round trips: which turns, then their payloads and cosines. No vector travels."""
        settings = self._settings
        place = ("session", "place")
        dense, lexical = await self._store.query(
            CHAT_LONG,
            [
                Query("dense", vector, settings.ranked, since, payload=place),
                Query("bm25", bm25_query(question), settings.candidates, since, payload=place),
            ],
        )
        if not dense:
            return {}
        wanted = since
        if len(dense) == settings.ranked:  # there may be more
            spots = _spots_around(dense[: settings.candidates], lexical)
            wanted = Filter(must=(*since.must, Match("spot", tuple(itertools.islice(spots, settings.ranked)))))
        of_turns, of_sentences = await self._store.query(
            CHAT_LONG,
            [
                Query("dense", vector, settings.ranked, wanted, exact=True, payload=_FIELDS),
                Query("sentences", vector, settings.ranked, wanted),
            ],
        )
        by_sentence = {hit.id: hit.score for hit in of_sentences}
        return {hit.id: _Candidate(hit.payload, hit.score, by_sentence.get(hit.id, hit.score)) for hit in of_turns}


def _spot(session: str, place: int) -> str:
    """What a turn is fetched by as somebody's neighbour."""
    return f"{place}:{session}"


def _spots_around(*rankings: Sequence[StoreHit]) -> dict[str, None]:
    """The spots of some turns and of those next to them, the best ranked first."""
    spots: dict[str, None] = {}
    for hits in itertools.zip_longest(*rankings):
        for hit in filter(None, hits):
            place = hit.payload["place"]
            for step in _NEIGHBOURS:
                spots.setdefault(_spot(hit.payload["session"], place + step))
    return spots


def _rank(
    question: str, candidates: Mapping[str, _Candidate], settings: RankingSettings, *, limit: int
) -> list[Ranked]:
    turns = [
        Remembered(
            turn_id,
            candidate.payload["session"],
            float(candidate.payload["ts"]),
            "",
            unpack_terms(candidate.payload["terms"]),
            candidate.payload["place"],
        )
        for turn_id, candidate in candidates.items()
    ]
    return TurnRanker(turns, settings).rank(
        question,
        np.array([candidate.cosine for candidate in candidates.values()]),
        np.array([candidate.sentence_cosine for candidate in candidates.values()]),
        limit=limit,
    )


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
