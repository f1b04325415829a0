"""Jobs on a real graph, with a reader and an indexer that do what the test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lumina_core.documents import Article, article_id, fingerprint
from lumina_core.errors import DependencyDown, RedisDown, StorageFull
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import AddResult, KnowledgeGraph
from lumina_core.graph.layout import LogPosition
from lumina_core.graph.log import GraphLog
from lumina_core.indexing.progress import IndexProgress
from lumina_hub.ingest.job import Job
from lumina_hub.ingest.service import IngestService
from lumina_hub.metrics.registry import Metrics
from lumina_sdk.contract import IngestJob, IngestRequest, JobState


def article(name: str) -> Article:
    text = f"{name} is a word."
    return Article(
        id=article_id("test", name),
        title=name,
        url=f"test:{name}",
        source="test",
        revision="1",
        ts=1.0,
        text=text,
        summary=text,
        fingerprint=fingerprint(text),
    )


class Shelf:
    """A store of jobs that can be away."""

    def __init__(self) -> None:
        self.jobs: dict[str, IngestJob] = {}
        self.is_down = False

    async def save(self, job: IngestJob) -> None:
        if self.is_down:
            raise RedisDown("Redis is away")
        self.jobs[job.id] = job

    async def forget(self, job_ids: list[str]) -> None:
        for job_id in job_ids:
            del self.jobs[job_id]

    async def load(self) -> list[IngestJob]:
        return sorted(self.jobs.values(), key=lambda job: job.created_at)


class StillIndexer:
    """Indexes when told to."""

    def __init__(self) -> None:
        self.progress = IndexProgress()
        self.caught_up = asyncio.Event()
        self.error: DependencyDown | None = None
        self.waiting = asyncio.Event()

    def poke(self) -> None:
        pass

    async def wait_until(self, position: LogPosition | None) -> IndexProgress:
        self.waiting.set()
        await self.caught_up.wait()
        if self.error is not None:
            raise self.error
        return self.progress


class Book:
    """A reader that reads what the test put in, and can be held up in the middle."""

    def __init__(self, graph: KnowledgeGraph) -> None:
        self._graph = graph
        self.articles = [article("Alpha"), article("Beta")]
        self.error: Exception | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.reading = threading.Event()
        self.read = 0

    def __call__(self, job: Job, added: Callable[[AddResult, str], None]) -> None:
        self.read += 1
        self.reading.set()
        while not self.hold.wait(0.01):
            if job.stop.is_set():
                return
        result = self._graph.add(self.articles)
        job.articles += result.added
        job.unchanged += result.unchanged
        added(result, "test")
        if self.error is not None:
            raise self.error


@pytest.fixture
def graph(tmp_path: Path) -> KnowledgeGraph:
    root = tmp_path / "graphs"
    return KnowledgeGraph(GraphLog.open(root), Catalogue.open(tmp_path / "catalogue.sqlite", root))


@pytest.fixture
def book(graph: KnowledgeGraph) -> Book:
    return Book(graph)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def indexer() -> StillIndexer:
    return StillIndexer()


@pytest.fixture
def folder(tmp_path: Path) -> IngestRequest:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# A\n\nA.\n")
    return IngestRequest(source=str(tmp_path / "notes"))


MakeService = Callable[[], IngestService]


@pytest.fixture
async def make_service(
    graph: KnowledgeGraph, book: Book, shelf: Shelf, indexer: StillIndexer
) -> AsyncIterator[MakeService]:
    services: list[IngestService] = []

    def make() -> IngestService:
        services.append(IngestService(graph, indexer, shelf, book, Metrics()))  # type: ignore[arg-type]
        return services[-1]

    yield make
    for service in services:
        await service.close()
    graph.catalogue.close()
    graph._log.close()


@pytest.fixture
async def service(make_service: MakeService) -> IngestService:
    return make_service()


async def test_a_job_is_done_when_what_it_read_is_indexed(
    service: IngestService, indexer: StillIndexer, folder: IngestRequest
) -> None:
    job = await service.start(folder)
    await indexer.waiting.wait()
    assert service.job(job.id).state is JobState.INDEXING
    indexer.caught_up.set()
    await service.wait(job.id)

    done = service.job(job.id)
    assert (done.state, done.articles) == (JobState.DONE, 2)
    assert done.eta_s is None


async def test_a_job_is_kept_before_it_is_acknowledged(
    service: IngestService, shelf: Shelf, folder: IngestRequest
) -> None:
    job = await service.start(folder)

    assert job.id in shelf.jobs


async def test_without_a_place_to_keep_it_a_job_is_refused(
    service: IngestService, shelf: Shelf, folder: IngestRequest
) -> None:
    shelf.is_down = True

    with pytest.raises(RedisDown):
        await service.start(folder)
    assert service.jobs() == []


async def test_the_same_source_again_is_the_same_job_until_it_has_ended(
    service: IngestService, indexer: StillIndexer, folder: IngestRequest
) -> None:
    first = await service.start(folder)
    assert (await service.start(folder)).id == first.id
    indexer.caught_up.set()
    await service.wait(first.id)

    assert (await service.start(folder)).id != first.id


async def test_a_cancelled_job_stops_reading_and_stays_cancelled(
    service: IngestService, book: Book, shelf: Shelf, folder: IngestRequest
) -> None:
    book.hold.clear()
    job = await service.start(folder)
    await asyncio.to_thread(book.reading.wait)

    cancelled = await service.cancel(job.id)

    assert cancelled.state is JobState.CANCELLED
    assert shelf.jobs[job.id].state is JobState.CANCELLED


async def test_a_waiting_job_can_be_cancelled_too(
    service: IngestService, book: Book, folder: IngestRequest, tmp_path: Path
) -> None:
    book.hold.clear()
    await service.start(folder)
    await asyncio.to_thread(book.reading.wait)
    (tmp_path / "b.md").write_text("# B\n\nB.\n")
    waiting = await service.start(IngestRequest(source=str(tmp_path / "b.md")))
    assert waiting.state is JobState.QUEUED

    assert (await service.cancel(waiting.id)).state is JobState.CANCELLED
    assert book.read == 1


async def test_a_job_in_its_indexing_can_be_cancelled(
    service: IngestService, indexer: StillIndexer, folder: IngestRequest
) -> None:
    job = await service.start(folder)
    await indexer.waiting.wait()

    cancelled = await service.cancel(job.id)

    assert (cancelled.state, cancelled.articles) == (JobState.CANCELLED, 2)


async def test_the_next_hub_goes_on_with_what_this_one_left(
    service: IngestService,
    make_service: MakeService,
    book: Book,
    shelf: Shelf,
    indexer: StillIndexer,
    folder: IngestRequest,
) -> None:
    book.hold.clear()
    job = await service.start(folder)
    await asyncio.to_thread(book.reading.wait)
    await service.close()
    assert shelf.jobs[job.id].state is JobState.RUNNING

    book.hold.set()
    indexer.caught_up.set()
    following = make_service()
    await following.resume()
    await following.wait(job.id)

    assert following.job(job.id).state is JobState.DONE
    assert following.job(job.id).articles == 2


async def test_a_source_read_to_its_end_is_not_read_again_after_a_restart(
    service: IngestService,
    make_service: MakeService,
    book: Book,
    indexer: StillIndexer,
    folder: IngestRequest,
) -> None:
    job = await service.start(folder)
    await indexer.waiting.wait()
    await service.close()

    indexer.caught_up.set()
    following = make_service()
    await following.resume()
    await following.wait(job.id)

    assert (following.job(job.id).state, following.job(job.id).articles) == (JobState.DONE, 2)
    assert book.read == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StorageFull("no room", hint="Free some."), "no room"),
        (ValueError("secret"), "a mistake of Lumina's: ValueError"),
    ],
)
async def test_a_job_that_fails_says_why_and_keeps_what_it_read(
    service: IngestService, book: Book, graph: KnowledgeGraph, folder: IngestRequest, error: Exception, said: str
) -> None:
    book.error = error
    job = await service.start(folder)
    await service.wait(job.id)

    failed = service.job(job.id)
    assert (failed.state, failed.error, failed.articles) == (JobState.FAILED, said, 2)
    assert failed.hint
    assert graph.catalogue.counts().articles == 2


async def test_an_indexer_that_cannot_go_on_fails_the_job_with_its_reason(
    service: IngestService, indexer: StillIndexer, folder: IngestRequest
) -> None:
    indexer.error = DependencyDown("it keeps dying")
    indexer.caught_up.set()
    job = await service.start(folder)
    await service.wait(job.id)

    assert service.job(job.id).error == "it keeps dying"


async def test_a_job_goes_on_while_redis_is_away(
    service: IngestService, indexer: StillIndexer, shelf: Shelf, folder: IngestRequest
) -> None:
    job = await service.start(folder)
    shelf.is_down = True
    indexer.caught_up.set()
    await service.wait(job.id)

    assert service.job(job.id).state is JobState.DONE


async def test_only_the_latest_hundred_ended_jobs_are_kept(
    service: IngestService, indexer: StillIndexer, shelf: Shelf, folder: IngestRequest
) -> None:
    indexer.caught_up.set()
    for _ in range(103):
        job = await service.start(folder)
        await service.wait(job.id)

    assert len(shelf.jobs) == len(service.jobs()) == 100
    assert service.jobs()[0].id == job.id
