"""Ingest jobs: started, run one after another, watched, cancelled, and taken up again by the next hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from lumina_core.errors import CoreError, DependencyDown, InvalidInput, NotFound, RedisDown
from lumina_core.graph.graph import AddResult, KnowledgeGraph
from lumina_core.indexing.indexer import Indexer
from lumina_core.ingest.source import open_source
from lumina_hub.ingest.job import Job, new_job_id
from lumina_hub.ingest.pace import Pace
from lumina_hub.ingest.reading import Reader
from lumina_hub.ingest.store import JobStore
from lumina_hub.metrics.registry import Metrics
from lumina_sdk.contract import IngestJob, IngestRequest, JobState

__all__ = ["IngestService", "is_address"]

_KEPT_JOBS = 100
_BULK_LANES = 1
_PAGE_LANES = 2  # a page need not wait for a Wikipedia
_log = structlog.get_logger(__name__)


def is_address(source: str) -> bool:
    """Whether a source is on another machine."""
    return source.lower().startswith(("http://", "https://"))


class IngestService:
    """Owns the jobs. A job is kept before it is acknowledged, so a hub that was killed goes on with it when it comes
    back; reading again what was read is cheap and changes nothing."""

    def __init__(
        self,
        graph: KnowledgeGraph,
        indexer: Indexer,
        store: JobStore,
        reader: Reader,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._graph = graph
        self._indexer = indexer
        self._store = store
        self._reader = reader
        self._metrics = metrics
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._paces: dict[str, Pace] = {}
        self._threads = ThreadPoolExecutor(_BULK_LANES + _PAGE_LANES, thread_name_prefix="ingest")
        self._bulk_lane = asyncio.Semaphore(_BULK_LANES)
        self._page_lane = asyncio.Semaphore(_PAGE_LANES)
        self._closing = False

    async def resume(self) -> None:
        """Take up the jobs a former hub left. Raises `RedisDown`."""
        for kept in await self._store.load():
            job = self._jobs[kept.id] = Job.again(kept)
            if not job.state.is_final:
                _log.info("ingest_job_resumed", job=job.id)
                self._begin(job)

    async def start(self, request: IngestRequest) -> IngestJob:
        """Queue a job; the same source once more while it waits or runs is the same job.

        Raises:
            InvalidInput: nothing here reads such a source, or there is no such kind.
            UnreadableSource: it is not there, or not what it claims to be.
            RedisDown: the job cannot be kept.
        """
        if (running := self._unfinished(request)) is not None:
            return self._shown(running)
        await asyncio.to_thread(_check, request)
        if (running := self._unfinished(request)) is not None:
            return self._shown(running)
        job = Job(
            id=new_job_id(),
            source=request.source,
            kind=request.kind,
            created_at=self._clock(),
            allow_private=request.allow_private,
        )
        self._jobs[job.id] = job
        try:
            await self._store.save(job.out())
        except BaseException:
            del self._jobs[job.id]
            raise
        self._begin(job)
        await self._forget_oldest()
        return self._shown(job)

    def jobs(self) -> list[IngestJob]:
        """Every job, newest first."""
        newest_first = sorted(self._jobs.values(), key=lambda job: job.created_at, reverse=True)
        return [self._shown(job) for job in newest_first]

    def job(self, job_id: str) -> IngestJob:
        """Raises `NotFound`."""
        return self._shown(self._get(job_id))

    async def wait(self, job_id: str) -> None:
        """Return when the job has ended, or the hub stops. Raises `NotFound`."""
        job = self._get(job_id)
        if job.task is not None:
            await asyncio.wait([job.task])

    async def cancel(self, job_id: str) -> IngestJob:
        """Stop a job and wait until it has stopped. Raises `NotFound`."""
        job = self._get(job_id)
        if not job.state.is_final and job.task is not None:
            job.is_cancelled = True
            await self._halt(job)
            if not job.state.is_final:  # its task had not begun
                self._finish(job, JobState.CANCELLED)
                await self._keep(job)
        return self._shown(job)

    async def close(self) -> None:
        """Stop reading. Jobs that have not ended are taken up by the next hub."""
        self._closing = True
        for job in [job for job in self._jobs.values() if job.task is not None]:
            await self._halt(job)
        self._threads.shutdown()

    def _unfinished(self, request: IngestRequest) -> Job | None:
        same = (job for job in self._jobs.values() if (job.source, job.kind) == (request.source, request.kind))
        return next((job for job in same if not job.state.is_final), None)

    def _get(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no ingest job {job_id!r}", hint="`/api/v1/ingest/jobs` lists them.")
        return job

    def _begin(self, job: Job) -> None:
        job.task = asyncio.create_task(self._run(job), name=f"ingest {job.id}")

    async def _halt(self, job: Job) -> None:
        job.stop.set()
        if job.parse is not None:
            await asyncio.to_thread(job.parse.cancel)
        if job.task is not None:
            if job.state is not JobState.RUNNING:
                job.task.cancel()
            await asyncio.gather(job.task, return_exceptions=True)

    async def _run(self, job: Job) -> None:
        try:
            async with self._page_lane if is_address(job.source) else self._bulk_lane:
                self._paces[job.id] = Pace(self._graph.catalogue.log_root, self._indexer.progress)
                if job.state is not JobState.INDEXING:
                    job.state, job.started_at = JobState.RUNNING, self._clock()
                    await self._keep(job)
                    await self._read(job)
                    if job.stop.is_set():
                        raise asyncio.CancelledError
                    job.state = JobState.INDEXING
                    await self._keep(job)
            await self._indexer.wait_until(self._graph.position)
            self._finish(job, JobState.DONE)
        except asyncio.CancelledError:
            if job.is_cancelled:
                self._finish(job, JobState.CANCELLED)
        except DependencyDown as error:
            job.error, job.hint = error.message, error.hint or "What was read is kept, and indexed once it is back."
            self._finish(job, JobState.FAILED)
        except CoreError as error:
            job.error, job.hint = error.message, error.hint
            self._finish(job, JobState.FAILED)
        except Exception as error:
            _log.exception("ingest_job_failed", job=job.id)
            job.error = f"a mistake of Lumina's: {type(error).__name__}"
            job.hint = "The hub's log has the details. What was read is kept."
            self._finish(job, JobState.FAILED)
        if job.state.is_final:
            await self._keep(job)

    async def _read(self, job: Job) -> None:
        loop = asyncio.get_running_loop()

        def added(result: AddResult, source: str) -> None:
            self._metrics.articles_ingested.labels(_label(source)).inc(result.added + result.changed)
            loop.call_soon_threadsafe(self._indexer.poke)

        reading = loop.run_in_executor(self._threads, self._reader, job, added)
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError:
            job.stop.set()
            if job.parse is not None:
                await asyncio.to_thread(job.parse.cancel)
            await asyncio.gather(reading, return_exceptions=True)
            raise
        finally:
            job.parse = None

    def _finish(self, job: Job, state: JobState) -> None:
        self._shown(job)  # what was counted last stays
        job.state, job.finished_at = state, self._clock()
        job.chunks_per_s = job.eta_s = None
        self._paces.pop(job.id, None)
        self._metrics.ingest_jobs.labels(state.value).inc()
        self._metrics.skipped.inc(job.skipped)
        _log.info("ingest_job_ended", job=job.id, state=state.value, articles=job.articles, skipped=job.skipped)

    def _shown(self, job: Job) -> IngestJob:
        pace = self._paces.get(job.id)
        if pace is not None and job.state in (JobState.RUNNING, JobState.INDEXING):
            progress = self._indexer.progress
            job.chunks = pace.chunks(progress)
            job.chunks_per_s = round(progress.chunks_per_s, 1) or None
            job.eta_s = pace.eta_s(
                progress,
                bytes_done=job.bytes_done,
                bytes_total=job.bytes_total,
                reading=job.state is JobState.RUNNING,
            )
        return job.out()

    async def _keep(self, job: Job) -> None:
        """Note the job's state. Where Redis is away it is noted later, or the job done again, which changes nothing."""
        try:
            await self._store.save(job.out())
        except CoreError as error:
            _log.warning("ingest_job_not_kept", job=job.id, error=error.message)

    async def _forget_oldest(self) -> None:
        for job_id in list(self._surplus()):
            try:
                await self._store.forget([job_id])
            except RedisDown:
                return
            del self._jobs[job_id]

    def _surplus(self) -> Iterator[str]:
        ended = sorted((job for job in self._jobs.values() if job.state.is_final), key=lambda job: job.created_at)
        for job in ended[: max(0, len(self._jobs) - _KEPT_JOBS)]:
            yield job.id


def _label(source: str) -> str:
    """A source as metrics name it: no paths of this machine, and not one series a folder."""
    return "folder" if source.startswith("file:") else source


def _check(request: IngestRequest) -> None:
    """Refuse at once what can be known to be unreadable without reading it."""
    if not is_address(request.source):
        path = Path(request.source)
        if not path.is_absolute():
            raise InvalidInput(
                f"the path {request.source!r} is relative",
                hint="Give the whole path, as the hub sees it; a URL begins with http:// or https://.",
            )
    open_source(request.source, request.kind, allow_private=request.allow_private)
