"""Every turn in `chat_long`, where recall finds it: put there as it is made, and out of the log where it is missing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from lumina_core.drivers.embedder import Embedder, Vectors
from lumina_core.drivers.vector_store import COLLECTIONS, Point, VectorStore
from lumina_core.errors import Conflict, CorruptLog, NotFound
from lumina_core.graph.log import Entry, read_log
from lumina_core.memory.recall import CHAT_LONG, TURN_ENCODING, turn_point
from lumina_core.memory.turn_index import TurnIndex
from lumina_core.memory.turn_vectors import mean_vector, turn_texts
from lumina_core.memory.turns import TURNS, AnswerRecord, Turn, decode_turn, without_markers

__all__ = ["LongTerm"]

_CURSOR = f"chat_long {TURN_ENCODING}"
_BATCH = 64
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A turn, its answer without markers, with what a point needs besides; the `vectors` of its texts, if at hand."""

    turn: Turn
    answer: AnswerRecord
    place: int
    vectors: Vectors | None = None


class LongTerm:
    """The writing side of `chat_long`. A turn put there twice is there once."""

    def __init__(self, store: VectorStore, embedder: Embedder, index: TurnIndex, log_root: Path) -> None:
        """`index` says whose a turn is and where in its session it stands; it also keeps the cursor."""
        self._store = store
        self._embedder = embedder
        self._index = index
        self._root = log_root

    async def add(self, owner: str, turn: Turn, answer: AnswerRecord, vectors: Vectors | None) -> None:
        """Put a turn there that is in the log and in the index file.

        Args:
            vectors: Of its `turn_texts`; None to embed these.

        Raises:
            DependencyDown, StorageFull: As they say.
            NotFound: The collection is not there at the moment.
        """
        place = await asyncio.to_thread(self._index.place, turn, owner)
        points = await asyncio.to_thread(self._points, [_Placed(_plain(turn), answer, place, vectors)])
        await self._store.upsert(CHAT_LONG, points)

    async def fill(self, *, from_start: bool) -> int:
        """Put there what the log holds beyond the cursor; all of it if asked to, or where the collection is missing,
        empty, or made for other vectors or an older encoding. The index file must have caught up.

        Returns:
            How many turns that were. Their sentences are embedded, and those turns that have no embedding yet.

        Raises:
            DependencyDown, StorageFull: What was done stays done; the next call goes on.
        """
        after = None if await self._ensure(from_start=from_start) else self._index.cursor(_CURSOR)
        if after is None or await self._store.count(CHAT_LONG) == 0:
            after = None
            self._index.set_cursor(_CURSOR, None)
        filled = 0
        places: Counter[tuple[str, str]] = Counter()
        entries = read_log(self._root, TURNS, after, on_corrupt=lambda error: None)
        while lines := await asyncio.to_thread(lambda: list(itertools.islice(entries, _BATCH))):
            turns = await asyncio.to_thread(self._placed, lines, places)
            if turns:
                await self._store.upsert(CHAT_LONG, await asyncio.to_thread(self._points, turns))
            self._index.set_cursor(_CURSOR, lines[-1].position)
            filled += len(turns)
        return filled

    async def _ensure(self, *, from_start: bool) -> bool:
        """Make the collection ready to be written to. Returns whether it was dropped for that."""
        spec = next(spec for spec in COLLECTIONS if spec.name == CHAT_LONG)
        spec = replace(spec, dim=self._embedder.info.dim)
        if not from_start:
            try:
                await self._store.ensure(spec)
            except Conflict as error:
                _log.warning("chat_long_remade", reason=error.message)
            else:
                return False
        await self._store.drop(CHAT_LONG)
        await self._store.ensure(spec)
        return True

    def _placed(self, lines: Sequence[Entry], places: Counter[tuple[str, str]]) -> list[_Placed]:
        """The turns of some lines, one after the other; `places` counts along."""
        turns = []
        for line in lines:
            with contextlib.suppress(CorruptLog, NotFound):  # NotFound: a turn without its answer was never told
                turn = decode_turn(line.record)
                answer = self._index.answer(turn.id)
                session = (answer.owner, turn.session)
                if session not in places:
                    places[session] = self._index.place(turn, answer.owner)
                turns.append(_Placed(_plain(turn), answer, places[session]))
                places[session] += 1
        return turns

    def _points(self, turns: Sequence[_Placed]) -> list[Point]:
        """One call embeds what all of them lack."""
        texts = [[] if each.vectors is not None else turn_texts(each.answer, each.turn.assistant) for each in turns]
        made = self._embedder.embed([text for of_turn in texts for text in of_turn])
        ends = list(itertools.accumulate(map(len, texts)))
        points = []
        for each, of_turn, end in zip(turns, texts, ends, strict=True):
            vectors = made[end - len(of_turn) : end] if each.vectors is None else each.vectors
            vector = each.turn.vector
            points.append(
                turn_point(
                    each.turn,
                    each.answer.owner,
                    query=each.answer.query,
                    place=each.place,
                    vector=mean_vector(vectors) if vector is None else vector,
                    sentences=vectors,
                )
            )
        return points


def _plain(turn: Turn) -> Turn:
    return replace(turn, assistant=without_markers(turn.assistant))
