"""Telling on `graph:add` which articles can be found now."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import structlog

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import CoreError
from lumina_core.events.event import CoreStream, Event
from lumina_core.events.streams import EventStreams
from lumina_core.graph.layout import ARTICLES, Entry, LogPosition
from lumina_core.graph.log import GraphLog, read_log
from lumina_core.graph.records import EventKind
from lumina_core.indexing.indexer import Indexer

__all__ = ["ArticleAnnouncer"]

_CURSOR = "events:cursor:graph:add"
_BATCH = 200
_RETRY_S = 2.0
_log = structlog.get_logger(__name__)


class ArticleAnnouncer:
    """Follows the indexer along the log. The cursor is moved after the events are published, and an event's id says
    where its line stands: so whatever happens in between, each line is told once."""

    def __init__(self, indexer: Indexer, log: GraphLog, redis: RedisClient, streams: EventStreams) -> None:
        self._indexer = indexer
        self._log = log
        self._redis = redis
        self._streams = streams

    async def run(self) -> None:
        """Announce for ever. What is down is waited for; cancel to stop."""
        progress = self._indexer.progress
        while True:
            try:
                await self.announce(progress.position)
            except CoreError as error:
                _log.warning("articles_not_announced", reason=error.message)
                await asyncio.sleep(_RETRY_S)
                progress = self._indexer.progress
                continue
            progress = await self._indexer.next_progress(progress)

    async def announce(self, position: LogPosition | None) -> None:
        """Tell of every article between the cursor and a position. Raises `RedisDown` and `StorageFull`."""
        if position is None:
            return
        raw: Any = await self._redis.get(_CURSOR)
        after = _decode(raw) if raw else None
        while after is None or after < position:
            entries = await asyncio.to_thread(self._read, after, position)
            if not entries:
                break
            events = [event for entry in entries if (event := _event(entry)) is not None]
            await self._streams.publish(events)
            after = entries[-1].position
            await self._redis.set(_CURSOR, f"{after.day} {after.offset}")

    def _read(self, after: LogPosition | None, until: LogPosition) -> list[Entry]:
        lines = read_log(self._log.root, ARTICLES, after, on_corrupt=lambda error: None)
        return [entry for entry in islice(lines, _BATCH) if entry.position <= until]


def _event(entry: Entry) -> Event | None:
    """The seed's three fields (`source`, `target`, `label`), and what else is worth knowing of the article."""
    record = entry.record
    kind = record.get("event")
    if kind not in (EventKind.ARTICLE, EventKind.DELETE) or not isinstance(record.get("id"), str):
        return None
    is_there = kind == EventKind.ARTICLE
    data = {
        "source": record["id"],
        "target": record.get("source", ""),
        "label": "ingested" if is_there else "deleted",
        "title": record.get("title", ""),
    }
    if is_there:
        data |= {"revision": record.get("revision", ""), "url": record.get("url", "")}
    place = f"{entry.day.replace('/', '')}:{entry.start}"
    return Event(
        id=f"{record['id']}:{place}",
        stream=CoreStream.GRAPH_ADD,
        ts=float(record.get("at") or record.get("ts") or 0),
        data=data,
    )


def _decode(raw: str) -> LogPosition:
    day, _, offset = raw.partition(" ")
    return LogPosition(day, int(offset))
