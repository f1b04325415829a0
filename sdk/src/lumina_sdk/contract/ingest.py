"""Reading a source into the graph, as a job."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = ["IngestJob", "IngestJobs", "IngestProblem", "IngestRequest", "JobState"]


class JobState(StrEnum):
    """`running` reads the source, `indexing` waits until what was read can be found; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    INDEXING = "indexing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class IngestRequest(RequestModel):
    """What to read: a path on the hub's machine, or a URL. `kind` names a source driver; None tells it by looking.

    `allow_private` lets the URL be on the hub's own machine or a private network.
    """

    source: str = Field(min_length=1, max_length=4096, examples=["https://en.wikipedia.org/wiki/Anarchism"])
    kind: str | None = Field(default=None, examples=["mediawiki-dump", "folder", "url"])
    allow_private: bool = False


class IngestProblem(WireModel):
    """A page that was left out, by title."""

    title: str
    reason: str


class IngestJob(WireModel):
    """A job and how far it is. Times are epoch seconds; `bytes_total` and `eta_s` are None while unknown.

    `unchanged` counts revisions that were there already. `problems` holds the first hundred of `skipped` pages.
    """

    id: str
    source: str
    kind: str | None
    allow_private: bool = False
    state: JobState
    articles: int = 0
    redirects: int = 0
    unchanged: int = 0
    skipped: int = 0
    chunks: int = 0
    bytes_done: int = 0
    bytes_total: int | None = None
    chunks_per_s: float | None = None
    eta_s: float | None = None
    problems: tuple[IngestProblem, ...] = ()
    error: str | None = None
    hint: str | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None


class IngestJobs(WireModel):
    """Newest first."""

    jobs: tuple[IngestJob, ...]
