"""The vectors of a turn: its question's and those of the sentences it cites. Both are there already when it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import structlog

from lumina_core.answers.base import Citation, Outcome
from lumina_core.drivers.embedder import Embedder, Vectors
from lumina_core.drivers.vector_store import VectorStore
from lumina_core.errors import DependencyDown, NotFound
from lumina_core.memory.recall import matched_sentences
from lumina_core.memory.turns import AnswerRecord
from lumina_core.retrieval.encoding import dense_text

__all__ = ["TurnVectors", "mean_vector", "turn_texts"]

_log = structlog.get_logger(__name__)


def turn_texts(answer: AnswerRecord, said: str) -> list[str]:
    """What a turn's vectors are vectors of: the question as it stands alone, and each cited sentence as the index has
    it, under its title. What cites nothing counts by its own sentences, and an abstention by its question alone.

    Args:
        said: The answer, without markers.
    """
    if answer.citations:
        return [answer.query, *(dense_text(cited.title, "", cited.text) for cited in answer.citations)]
    return [answer.query, *([] if answer.outcome is Outcome.ABSTAINED else matched_sentences(said))]


def mean_vector(vectors: Vectors) -> Vectors:
    """What stands for the whole turn, `(dim,)` and of length 1, from the `(n, dim)` unit vectors of its texts."""
    mean = vectors.mean(axis=0)
    return np.asarray(mean / (float(np.linalg.norm(mean)) or 1.0), np.float32)


class TurnVectors:
    """Fetches the vectors of cited sentences where they are, and embeds what is not there."""

    def __init__(self, store: VectorStore, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder

    async def of(self, answer: AnswerRecord, said: str) -> Vectors:
        """One row for each of `turn_texts`, `(n, dim)` float32. Raises `EmbedderDown`."""
        texts = turn_texts(answer, said)
        rows: list[Vectors | None] = [None] * len(texts)
        rows[0] = await asyncio.to_thread(self._embedder.embed_query, answer.query)  # which remembers it
        if answer.citations:
            rows[1:] = await self._indexed(answer.citations)
        missing = [place for place, row in enumerate(rows) if row is None]
        if missing:
            made = await asyncio.to_thread(self._embedder.embed, [texts[place] for place in missing])
            for place, row in zip(missing, made, strict=True):
                rows[place] = row
        return np.stack([row for row in rows if row is not None])

    async def _indexed(self, citations: Sequence[Citation]) -> list[Vectors | None]:
        ids = list(dict.fromkeys(citation.chunk_id for citation in citations))
        try:
            records = await self._store.retrieve("chunks", ids, payload=("start", "sents"), vectors=("sentences",))
        except (DependencyDown, NotFound) as error:
            _log.warning("cited_vectors_not_read", reason=error.message)
            return [None] * len(citations)
        found = {record.id: (record.payload, record.sentences) for record in records}
        return [_row(citation, *found.get(citation.chunk_id, ({}, None))) for citation in citations]


def _row(citation: Citation, payload: Mapping[str, Any], sentences: Vectors | None) -> Vectors | None:
    if sentences is None:
        return None
    spans = payload["sents"]
    starts = [payload["start"] + start for start in spans[::2]]
    if citation.start not in starts:  # the chunk was replaced since the answer was made
        return None
    row: Vectors = sentences[starts.index(citation.start)]
    return row
