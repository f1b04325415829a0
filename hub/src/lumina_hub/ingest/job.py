"""One ingest job while it lives in this process."""

from __future__ import annotations

import asyncio
import secrets
import threading
from dataclasses import dataclass, field

from lumina_core.ingest.bulk import BulkParse
from lumina_sdk.contract import IngestJob, IngestProblem, JobState

__all__ = ["MAX_PROBLEMS", "Job", "new_job_id"]

MAX_PROBLEMS = 100


def new_job_id() -> str:
    return "job_" + secrets.token_hex(6)


@dataclass(slots=True, eq=False)
class Job:
    """What is known of a job. The reading thread counts, the event loop does everything else.

    `stop` is set when nothing more is to be read; `is_cancelled` tells a person's wish from the hub's own stopping.
    """

    id: str
    source: str
    kind: str | None
    created_at: float
    allow_private: bool = False
    state: JobState = JobState.QUEUED
    articles: int = 0
    redirects: int = 0
    unchanged: int = 0
    skipped: int = 0
    problems: list[IngestProblem] = field(default_factory=list)
    bytes_done: int = 0
    bytes_total: int | None = None
    chunks: int = 0
    chunks_per_s: float | None = None
    eta_s: float | None = None
    error: str | None = None
    hint: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    is_cancelled: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    parse: BulkParse | None = None
    task: asyncio.Task[None] | None = None

    @classmethod
    def again(cls, kept: IngestJob) -> Job:
        """The job a former hub left; one that had not been read to its end begins anew."""
        if kept.state in (JobState.QUEUED, JobState.RUNNING):
            return cls(
                id=kept.id,
                source=kept.source,
                kind=kept.kind,
                created_at=kept.created_at,
                allow_private=kept.allow_private,
            )
        values = kept.model_dump(exclude={"problems", "state"})
        return cls(**values, state=kept.state, problems=list(kept.problems))

    def out(self) -> IngestJob:
        """The job as it is now, on the wire."""
        return IngestJob(
            id=self.id,
            source=self.source,
            kind=self.kind,
            allow_private=self.allow_private,
            state=self.state,
            articles=self.articles,
            redirects=self.redirects,
            unchanged=self.unchanged,
            skipped=self.skipped,
            chunks=self.chunks,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
            chunks_per_s=self.chunks_per_s,
            eta_s=self.eta_s,
            problems=tuple(self.problems),
            error=self.error,
            hint=self.hint,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
        )

    def skip(self, title: str, reason: str) -> None:
        self.skipped += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(IngestProblem(title=title, reason=reason))
