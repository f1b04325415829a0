"""Reading one source into the graph: parsed in a niced process, appended in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from lumina_core.documents import Article, Redirect
from lumina_core.graph.graph import AddResult, KnowledgeGraph
from lumina_core.ingest.bulk import BulkParse, parse_in_process
from lumina_core.ingest.source import Skipped, Unchanged
from lumina_hub.ingest.job import Job
from lumina_hub.ingest.known import known_revisions

__all__ = ["Adder", "Reader", "read_source"]

_BATCH_ITEMS = 64
_BATCH_CHARACTERS = 512 * 1024


class Adder(Protocol):
    """What a reader needs of the graph."""

    def add(self, items: Iterable[Article | Redirect]) -> AddResult: ...


Reader = Callable[[Job, Callable[[AddResult, str], None]], None]
"""Reads a job's source to its end; the callback is told what each batch added, and the source's name."""


def read_source(graph: KnowledgeGraph, catalogue: Path) -> Reader:
    """A reader for this graph. It blocks: run it in a thread. Setting the job's `stop` and cancelling its `parse` ends
    it early; what was added by then stays.

    Raises (when called):
        UnreadableSource: after everything before the damage was added.
        StorageFull: nothing of the batch that did not fit was kept.
    """

    def read(job: Job, added: Callable[[AddResult, str], None]) -> None:
        arguments = [str(catalogue), str(graph.catalogue.log_root)]
        with parse_in_process(
            job.source,
            job.kind,
            known=known_revisions,
            known_arguments=arguments,
            allow_private=job.allow_private,
        ) as parse:
            job.parse = parse
            if not job.stop.is_set():
                _read(job, parse, graph, added)

    return read


def _read(job: Job, parse: BulkParse, graph: Adder, added: Callable[[AddResult, str], None]) -> None:
    batch: list[Article | Redirect] = []
    characters = 0

    def flush() -> None:
        nonlocal batch, characters
        if batch:
            result = graph.add(batch)
            job.articles += result.added + result.changed
            job.redirects += result.redirects
            job.unchanged += result.unchanged
            added(result, parse.name or "")
            batch, characters = [], 0
        job.bytes_done, job.bytes_total = parse.position_bytes, parse.total_bytes

    try:
        for item in parse:
            if isinstance(item, Skipped):
                job.skip(item.title, item.reason)
            elif isinstance(item, Unchanged):
                job.unchanged += 1
            else:
                batch.append(item)
                characters += len(item.text) if isinstance(item, Article) else 0
            if len(batch) >= _BATCH_ITEMS or characters >= _BATCH_CHARACTERS:
                flush()
            job.bytes_done, job.bytes_total = parse.position_bytes, parse.total_bytes
    finally:
        if not job.stop.is_set():
            flush()
