"""Scratchpads turned into long-term notes shortly before they expire."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog
from redis.asyncio import Redis

from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import COLLECTIONS, CollectionSpec, Point, VectorStore
from lumina_core.errors import Conflict, DependencyDown, NotFound, StorageFull
from lumina_core.events.event import CoreStream, Event, encode_event
from lumina_core.graph.log import GraphLog, LogPosition, read_log, read_log_backwards
from lumina_core.memory.scratchpad import DEADLINES, Note, PadId, notes_of
from lumina_core.memory.summary import central_sentences
from lumina_core.memory.turns import rounded
from lumina_core.text.analysis import bm25_document
from lumina_core.text.sentences import split_sentences

__all__ = ["PAD_COMPRESSED", "REFLECTIONS", "Compressed", "PadCompressor", "reflection_point"]

REFLECTIONS = "reflections/reflections"
PAD_COMPRESSED = CoreStream.PAD_COMPRESSED
SCRATCH_MEM = "scratch_mem"

_STREAM_KEPT = 10_000
_CLAIM_S = 60
_LOOK_BACK_LINES = 2_000
_log = structlog.get_logger(__name__)

_CLAIM = """
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'EX', ARGV[2]) == false then return 0 end
local before = redis.call('HGET', KEYS[1], 'closed') or ''
redis.call('HSET', KEYS[1], 'closed', '1')
redis.call('PERSIST', KEYS[1])
return {before, redis.call('HGETALL', KEYS[1])}
"""


@dataclass(frozen=True, slots=True)
class Compressed:
    """What became of a pad. `text` is its summary, `notes` how many notes it held."""

    pad: PadId
    owner: str
    ts: float
    notes: int
    text: str


class PadCompressor:
    """Finds pads close to their end and keeps what they say.

    The steps of one pad are: close it and stop its clock; summarise; embed; append to the log; upsert into
    `scratch_mem`; and, in one transaction, emit `pad:compressed` and let the pad go. A crash between two of them leaves
    the pad closed and due, so the next round does it again; the log is looked through first, so the pad gets one line
    there, and the event goes out once.
    """

    def __init__(
        self,
        redis: Redis,
        log: GraphLog,
        store: VectorStore,
        embedder: Embedder,
        *,
        margin_s: float = 30.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`margin_s` is how long before its end a pad is taken; rounds must come more often than that."""
        self._redis = redis
        self._log = log
        self._store = store
        self._embedder = embedder
        self._margin_s = margin_s
        self._now = now

    async def run(self, *, every_s: float = 5.0) -> None:
        """Compress for ever, one round every `every_s`. What is down is waited for; cancel to stop."""
        is_prepared = False
        while True:
            try:
                if not is_prepared:
                    await self.prepare()
                    is_prepared = True
                await self.compress_due()
            except (DependencyDown, StorageFull, NotFound) as error:  # NotFound: `scratch_mem` is being made anew
                _log.warning("pad_compression_postponed", reason=error.message)
            await asyncio.sleep(every_s)

    async def compress_due(self) -> list[Compressed]:
        """Compress every pad that ends within the margin.

        Returns:
            Those that were compressed, by deadline. Empty ones and ones that expired unseen are let go without a trace.

        Raises:
            DependencyDown: Redis, the embedder or the store is away. What was not finished is done next time.
            StorageFull: The log has no room. As above.
        """
        due: Any = await self._redis.zrangebyscore(DEADLINES, "-inf", self._now() + self._margin_s, withscores=True)
        done = []
        for raw, _ in due:
            pad = PadId(_text(raw))
            compressed = await self._compress(pad)
            if compressed is not None:
                done.append(compressed)
        return done

    async def _compress(self, pad: PadId) -> Compressed | None:
        claim: Any = await self._redis.eval(_CLAIM, 2, pad, _claim_key(pad), "1", _CLAIM_S)
        if claim is None:
            _log.warning("pad_expired_uncompressed", pad=pad)
            await self._redis.zrem(DEADLINES, pad)
            return None
        if claim == 0:
            return None  # another process has it in hand
        try:
            tried_before = bool(_text(claim[0]))
            flat = [_text(item) for item in claim[1]]
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            notes = notes_of(fields)
            if not notes:
                await self._let_go(pad, None)
                return None
            owner = fields.get("owner", "")
            compressed, vector = await asyncio.to_thread(self._summarise, pad, owner, notes)
            record = {
                "id": pad,
                "owner": owner,
                "ts": compressed.ts,
                "notes": compressed.notes,
                "text": compressed.text,
                "embedding": list(vector),
            }
            if not (tried_before and await asyncio.to_thread(self._is_logged, pad)):
                await asyncio.wrap_future(self._log.append(REFLECTIONS, [record]))
            await self._store.upsert(SCRATCH_MEM, [reflection_point(record)])
            await self._let_go(pad, compressed)
        except BaseException:
            # Frees the claim at once where it can be; else it runs out by itself.
            await asyncio.gather(self._redis.delete(_claim_key(pad)), return_exceptions=True)
            raise
        return compressed

    def _summarise(self, pad: PadId, owner: str, notes: list[Note]) -> tuple[Compressed, tuple[float, ...]]:
        sentences = [note.text[start:end] for note in notes for start, end in split_sentences(note.text)]
        sentences = list(dict.fromkeys(sentences)) or [notes[0].text]
        picked = central_sentences(sentences, self._embedder.embed(sentences))
        text = "\n".join(picked)
        return Compressed(pad, owner, notes[-1].ts, len(notes), text), rounded(self._embedder.embed([text])[0])

    def _is_logged(self, pad: PadId) -> bool:
        lines = read_log_backwards(self._log.root, REFLECTIONS, on_corrupt=lambda error: None)
        return any(entry.record.get("id") == pad for entry in itertools.islice(lines, _LOOK_BACK_LINES))

    async def _let_go(self, pad: PadId, compressed: Compressed | None) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            if compressed is not None:
                event = Event(
                    id=pad,
                    stream=PAD_COMPRESSED,
                    ts=compressed.ts,
                    data={
                        "pad": pad,
                        "owner": compressed.owner,
                        "notes": compressed.notes,
                        "text": compressed.text,
                    },
                )
                pipe.xadd(PAD_COMPRESSED, encode_event(event), maxlen=_STREAM_KEPT, approximate=True)
            pipe.delete(pad)
            pipe.zrem(DEADLINES, pad)
            pipe.delete(_claim_key(pad))
            await pipe.execute()

    async def prepare(self) -> None:
        """Make `scratch_mem`, out of the log, where it is missing, empty or has other vectors. Raises as `rebuild`."""
        try:
            await self._store.ensure(self._spec())
        except Conflict as error:
            _log.warning("scratch_mem_remade", reason=error.message)
            await self.rebuild()
            return
        if await self._store.count(SCRATCH_MEM) == 0:
            await self.catch_up()

    async def rebuild(self) -> None:
        """Drop `scratch_mem` and fill it from the log's first line.

        Raises:
            VectorStoreDown, StorageFull: As they say; what is missing then is there after the next `rebuild`.
        """
        await self._store.drop(SCRATCH_MEM)
        await self._store.ensure(self._spec())
        await self.catch_up()

    def _spec(self) -> CollectionSpec:
        spec = next(spec for spec in COLLECTIONS if spec.name == SCRATCH_MEM)
        return replace(spec, dim=self._embedder.info.dim)

    async def catch_up(self, after: LogPosition | None = None, *, batch: int = 256) -> LogPosition | None:
        """Bring `scratch_mem` up to the log. Returns the position after the last line, to pass as `after` next time."""
        points: list[Point] = []
        for entry in read_log(self._log.root, REFLECTIONS, after, on_corrupt=lambda error: None):
            after = entry.position
            if isinstance(entry.record.get("id"), str) and entry.record.get("embedding"):
                points.append(reflection_point(entry.record))
            if len(points) >= batch:
                await self._store.upsert(SCRATCH_MEM, points)
                points = []
        if points:
            await self._store.upsert(SCRATCH_MEM, points)
        return after


def reflection_point(record: dict[str, Any]) -> Point:
    """A line of `reflections.ndjson` as a point of `scratch_mem`."""
    payload = {key: record[key] for key in ("id", "owner", "ts", "notes", "text")}
    return Point(
        id=record["id"],
        dense=np.array(record["embedding"], dtype=np.float32),
        payload=payload,
        bm25=bm25_document("", "", record["text"]),
    )


def _claim_key(pad: PadId) -> str:
    return f"{pad}:claim"


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
