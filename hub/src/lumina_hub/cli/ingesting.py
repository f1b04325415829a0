"""`lumina ingest`: start a job and watch it to its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from rich.markup import escape

from lumina_hub.cli.connection import HubConnection, connect
from lumina_hub.cli.failures import FAILED, INTERRUPTED, MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, print_raw_json
from lumina_hub.cli.progress import Progress, progress
from lumina_sdk.contract import IngestJob, JobState

__all__ = ["ingest"]

_POLL_S = 0.3


async def ingest(said: Globals, source: str, kind: str | None) -> None:
    """Ingest a source and wait until it can be found. Ctrl-C stops it; the same command then goes on from there."""
    named = _for_the_hub(source)
    async with connect(said) as hub:
        # Whoever types an address here can reach it from here: the guard is for addresses that others choose.
        request = {"source": named, "kind": kind, "allow_private": urlsplit(named).scheme in {"http", "https"}}
        job = IngestJob.model_validate_json(await hub.post("/api/v1/ingest", request))
        try:
            with progress(f"Reading {_short(source)}") as shown:
                body = await _watch(hub, job.id, shown)
        except asyncio.CancelledError:
            stopped = await _cancel(hub, job.id)
            raise Failure(
                f"Stopped. What was read is kept: {_counts(stopped)}.",
                hint=f"Go on where it stopped with: lumina ingest {source}",
                status=INTERRUPTED,
            ) from None
    job = IngestJob.model_validate_json(body)
    if said.json:
        print_raw_json(body)
    else:
        _summarise(job)
    if job.state is JobState.FAILED:
        raise Failure(job.error or "The source could not be read.", hint=job.hint, status=FAILED)
    if job.state is JobState.CANCELLED:
        raise Failure("The job was cancelled. What was read is kept.", status=FAILED)


async def _watch(hub: HubConnection, job_id: str, shown: Progress) -> bytes:
    while True:
        body = await hub.get(f"/api/v1/ingest/jobs/{job_id}")
        job = IngestJob.model_validate_json(body)
        if job.state is JobState.INDEXING:
            shown.say("Indexing what was read")
            shown.move(0, None, rate=_rate(job), eta_s=job.eta_s)
        else:
            shown.move(job.bytes_done, job.bytes_total, rate=_rate(job), eta_s=job.eta_s)
        if job.state.is_final:
            return body
        await asyncio.sleep(_POLL_S)


async def _cancel(hub: HubConnection, job_id: str) -> IngestJob:
    await hub.delete(f"/api/v1/ingest/jobs/{job_id}")
    return IngestJob.model_validate_json(await hub.get(f"/api/v1/ingest/jobs/{job_id}"))


def _for_the_hub(source: str) -> str:
    """A hub has its own working directory: a path is sent whole."""
    if urlsplit(source).scheme in {"http", "https"}:
        return source
    path = Path(source).expanduser()
    if not path.exists():
        raise Failure(
            f"There is no file or folder {source!r}.",
            hint="Give a MediaWiki dump, a folder of Markdown, text or HTML files, or a URL.",
            status=MISUSED,
        )
    return str(path.resolve())


def _short(source: str) -> str:
    return source if urlsplit(source).scheme in {"http", "https"} else Path(source).name or source


def _rate(job: IngestJob) -> str:
    parts = [f"{job.articles + job.unchanged:,} articles"]
    if job.chunks_per_s:
        parts.append(f"{job.chunks_per_s:,.0f} passages/s")
    return ", ".join(parts)


def _counts(job: IngestJob) -> str:
    counts = [(job.articles, "article"), (job.redirects, "redirect")]
    named = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts]
    if job.unchanged:
        named.append(f"{job.unchanged:,} unchanged")
    if job.skipped:
        named.append(f"{job.skipped:,} skipped")
    return ", ".join(named)


def _summarise(job: IngestJob) -> None:
    out = data()
    if job.state is JobState.DONE:
        out.print(f"Done: {_counts(job)}, {job.chunks:,} passages indexed.", markup=False)
    for problem in job.problems:
        out.print(f"  [yellow]skipped[/] {escape(problem.title)}: {escape(problem.reason)}")
    unnamed = job.skipped - len(job.problems)
    if unnamed > 0:
        out.print(f"  and {unnamed:,} more skipped")
