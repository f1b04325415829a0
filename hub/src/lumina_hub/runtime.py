"""The parts of a running hub, opened in order and closed in the reverse one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from lumina_core.answers.checking import CheckedAnswerer
from lumina_core.documents import ArticleId
from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.engines.loading import load_engine
from lumina_core.errors import DependencyDown
from lumina_core.events.streams import EventSettings, EventStreams
from lumina_core.gaps.book import GapBook
from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.progress import IndexerState
from lumina_core.memory.compressor import PadCompressor
from lumina_core.memory.recall import RecallSettings
from lumina_core.memory.scratchpad import ScratchPads
from lumina_core.memory.service import ChatMemory, MemorySettings
from lumina_core.queues.queue import WorkQueues
from lumina_core.retrieval.search import Searcher
from lumina_core.storage.files import FileStore
from lumina_core.storage.values import ValueStore
from lumina_hub.answering import load_answerer
from lumina_hub.auth.authenticator import TokenStore
from lumina_hub.auth.opening import Auth, open_auth
from lumina_hub.background import autosave, keep_ranks, running
from lumina_hub.chat.service import ChatService
from lumina_hub.embeddings.service import EmbeddingService
from lumina_hub.engines.service import EngineService
from lumina_hub.events.announcing import ArticleAnnouncer
from lumina_hub.events.service import EventService
from lumina_hub.foundations import Foundations, open_foundations
from lumina_hub.graph.service import GraphService
from lumina_hub.health.service import Check, HealthService
from lumina_hub.home import Home
from lumina_hub.idempotency.answers import FirstAnswers
from lumina_hub.ingest.reading import read_source
from lumina_hub.ingest.service import IngestService
from lumina_hub.ingest.store import JobStore
from lumina_hub.metrics.following import follow_indexer
from lumina_hub.metrics.registry import Metrics
from lumina_hub.queues.service import QueueService
from lumina_hub.registry.opening import ModuleParts, open_registry
from lumina_hub.registry.running import Switchboard
from lumina_hub.reindex.service import ReindexService
from lumina_hub.search.service import SearchService
from lumina_hub.settings import Settings
from lumina_hub.starter import FirstKnowledge, learn_starter
from lumina_hub.status.backlog import count_pending
from lumina_hub.status.service import StatusService
from lumina_hub.storage.service import StorageService
from lumina_hub.vectors.collections import CollectionBook
from lumina_hub.vectors.service import VectorService

__all__ = ["Runtime", "open_runtime"]

_QUERY_THREADS = 2
_PAD_MARGIN_S = 30.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the routes use."""

    home: Home
    auth: Auth
    answers: FirstAnswers
    arrivals: Arrivals
    embeddings: EmbeddingService
    engine: EngineService
    events: EventService
    gaps: GapBook
    pads: ScratchPads
    queues: QueueService
    storage: StorageService
    vectors: VectorService
    memory: ChatMemory
    modules: ModuleParts
    chat: ChatService
    graph: GraphService
    health: HealthService
    ingest: IngestService
    reindex: ReindexService
    search: SearchService
    status: StatusService


@asynccontextmanager
async def open_runtime(
    settings: Settings, metrics: Metrics, switchboard: Switchboard, *, token_stores: Sequence[TokenStore] = ()
) -> AsyncIterator[Runtime]:
    """Hold the home and everything in it while the block runs.

    Args:
        settings: As `load_settings` built them.
        metrics: What to measure in.
        switchboard: Is told where modules answer.
        token_stores: Asked for a token nobody else knows, in order.

    Raises:
        HomeLocked: another process holds the home, or its graph directory.
        CoreError: a part cannot be opened; those that were are closed again.
    """
    began_s = time.monotonic()
    home = Home.open(settings.home)
    async with AsyncExitStack() as stack:
        stack.enter_context(home.lock(now=time.time()))
        home.owner_token()  # before anything that takes time: whoever starts the hub looks for it
        parts = await stack.enter_async_context(open_foundations(settings))
        auth = await stack.enter_async_context(
            open_auth(home, parts.redis, parts.log, settings, token_stores=token_stores)
        )
        memory = await stack.enter_async_context(_memory(parts, settings))
        answerer = await asyncio.to_thread(load_answerer, settings.answerer)
        starter = None
        if settings.starter:
            starter = await asyncio.to_thread(learn_starter, parts.graph, home.path, metrics)
        compressor = PadCompressor(
            parts.redis, parts.log, parts.store, parts.embedder, margin_s=_pad_margin_s(settings)
        )
        arrivals = await stack.enter_async_context(Arrivals.open(parts.redis))
        events = EventStreams(parts.redis, arrivals, settings=_event_settings(settings))
        gaps = await GapBook.open(parts.log, parts.redis, events)
        engine = await asyncio.to_thread(load_engine, settings.engine)
        stack.push_async_callback(engine.close)
        files = await asyncio.to_thread(
            lambda: FileStore.open(settings.home / "storage", quota_bytes=settings.module_files_bytes)
        )
        on_reindex = (memory.rebuild, compressor.rebuild, gaps.rebuild)
        indexer = await stack.enter_async_context(_indexer(parts, on_reindex, settings))
        announcer = ArticleAnnouncer(indexer, parts.log, parts.redis, events)
        works = [*_background(parts, indexer, compressor, settings, metrics), announcer.run()]
        await stack.enter_async_context(running(works))
        threads = stack.enter_context(ThreadPoolExecutor(_QUERY_THREADS, thread_name_prefix="query"))
        reader = read_source(parts.graph, parts.worker_settings.catalogue)
        ingest = IngestService(parts.graph, indexer, JobStore(parts.redis), reader, metrics)
        stack.push_async_callback(ingest.close)
        first = FirstKnowledge(indexer, starter)
        stack.push_async_callback(first.close)
        search = SearchService(
            Searcher(parts.store, parts.embedder, executor=threads),
            metrics,
            max_chars=settings.max_question_chars,
            note_search=indexer.note_search,
            until_ready=first.wait,
        )
        modules = await stack.enter_async_context(open_registry(settings, parts.redis, auth, metrics, switchboard))
        embeddings = EmbeddingService(parts.embedder, threads)
        collections = CollectionBook(parts.redis, core_dim=parts.embedder.info.dim)
        values = ValueStore(parts.redis, quota_bytes=settings.module_values_bytes)
        await ingest.resume()
        metrics.up_since.set(time.time())
        metrics.index_pending.set_function(lambda: count_pending(parts.graph.catalogue, indexer.progress.position))
        _log.info("hub_open", home=str(home.path), took_s=round(time.monotonic() - began_s, 2))
        yield Runtime(
            home=home,
            auth=auth,
            answers=FirstAnswers(parts.redis),
            arrivals=arrivals,
            embeddings=embeddings,
            engine=EngineService(engine),
            events=EventService(events),
            gaps=gaps,
            pads=ScratchPads(parts.redis, ttl_s=settings.pad_ttl),
            queues=QueueService(WorkQueues(parts.redis, arrivals)),
            storage=StorageService(values, files),
            vectors=VectorService(parts.store, collections, embeddings, note_search=indexer.note_search),
            memory=memory,
            modules=modules,
            chat=ChatService(
                memory,
                search,
                CheckedAnswerer(answerer, _article_text(parts)),
                metrics,
                threads,
                gap_threshold=settings.gap_threshold,
            ),
            graph=GraphService(parts.graph, on_change=indexer.poke),
            health=HealthService(_checks(parts, indexer, first, modules)),
            ingest=ingest,
            reindex=ReindexService(indexer, parts.graph, parts.worker_settings.cursor),
            search=search,
            status=StatusService(home.path, parts, indexer, lambda: memory.turns, index_url=settings.qdrant_url),
        )


@asynccontextmanager
async def _memory(parts: Foundations, settings: Settings) -> AsyncIterator[ChatMemory]:
    memory = await ChatMemory.open(
        parts.log,
        parts.store,
        parts.redis,
        parts.embedder,
        settings.home / "turns.sqlite",
        settings=MemorySettings(
            history_turns=settings.history_turns,
            recall=RecallSettings(top_k=settings.recall_top_k, max_days=settings.recall_max_days),
        ),
    )
    try:
        yield memory
    finally:
        await memory.close()


def _event_settings(settings: Settings) -> EventSettings:
    return EventSettings(
        attempts=settings.event_attempts, kept=settings.stream_length, most=settings.stream_length * 10
    )


def _pad_margin_s(settings: Settings) -> float:
    return min(_PAD_MARGIN_S, settings.pad_ttl / 3)


def _background(
    parts: Foundations, indexer: Indexer, compressor: PadCompressor, settings: Settings, metrics: Metrics
) -> list[Coroutine[Any, Any, None]]:
    works = [
        follow_indexer(indexer, metrics),
        keep_ranks(indexer, parts.graph),
        compressor.run(every_s=max(1.0, _pad_margin_s(settings) / 3)),
    ]
    if settings.autosave_s:
        works.append(autosave(parts.graph, every_s=settings.autosave_s))
    return works


@asynccontextmanager
async def _indexer(
    parts: Foundations, on_reindex: Sequence[Callable[[], Awaitable[object]]], settings: Settings
) -> AsyncIterator[Indexer]:
    logs = settings.home / "logs"
    await asyncio.to_thread(logs.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def rebuild() -> None:
        for again in on_reindex:
            await again()

    indexer = await Indexer.start(parts.worker_settings, log_file=logs / "indexer.log", on_reindex=(rebuild,))
    try:
        yield indexer
    finally:
        await indexer.stop()


def _article_text(parts: Foundations) -> Callable[[ArticleId, str], str]:
    def read(article: ArticleId, revision: str) -> str:
        return parts.graph.catalogue.read_article(article, revision).text

    return read


def _checks(parts: Foundations, indexer: Indexer, first: FirstKnowledge, modules: ModuleParts) -> dict[str, Check]:
    async def redis() -> None:
        await parts.redis.ping()

    async def vector_store() -> None:
        await parts.store.info("chunks")

    async def following() -> None:
        progress = indexer.progress
        if progress.state in (IndexerState.CRASHED, IndexerState.STOPPED):
            raise DependencyDown(progress.error or "the indexer does not run")

    async def first_knowledge() -> None:
        if not first.is_there:
            raise DependencyDown("Lumina's own documentation is being indexed")

    async def started() -> None:
        if modules.registry.serves and not modules.registry.is_settled.is_set():
            raise DependencyDown("modules are being started")

    return {
        "starter": first_knowledge,
        "redis": redis,
        "vector_store": vector_store,
        "indexer": following,
        "modules": started,
    }
