"""Ingest jobs: started, watched, cancelled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.ingest.service import IngestService, is_address
from lumina_hub.parts import ingest_service
from lumina_sdk.contract import IngestJob, IngestJobs, IngestRequest, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["ingest"])
GraphRead = Annotated[Principal, requires(Scope.READ_GRAPH)]
GraphWrite = Annotated[Principal, requires(Scope.WRITE_GRAPH)]
Ingest = Annotated[IngestService, Depends(ingest_service)]


@router.post("/api/v1/ingest", status_code=202)
async def start_ingest(request: IngestRequest, principal: GraphWrite, ingest: Ingest, response: Response) -> IngestJob:
    """Start reading a source. A URL needs `use:network` too; a path, which can be any file the hub may read, and a URL
    on the hub's own machine or network need `admin:hub`. Reading the same source twice changes nothing."""
    if is_address(request.source):
        principal.demand(Scope.USE_NETWORK)
    if not is_address(request.source) or request.allow_private:
        principal.demand(Scope.ADMIN_HUB)
    job = await ingest.start(request)
    response.headers["Location"] = f"/api/v1/ingest/jobs/{job.id}"
    return job


@router.get("/api/v1/ingest/jobs")
async def list_jobs(principal: GraphRead, ingest: Ingest) -> IngestJobs:
    """List jobs, newest first."""
    return IngestJobs(jobs=tuple(ingest.jobs()))


@router.get("/api/v1/ingest/jobs/{job_id}")
async def read_job(job_id: str, principal: GraphRead, ingest: Ingest) -> IngestJob:
    """Say how far a job is."""
    return ingest.job(job_id)


@router.delete("/api/v1/ingest/jobs/{job_id}")
async def cancel_job(job_id: str, principal: GraphWrite, ingest: Ingest) -> IngestJob:
    """Stop a job. What it added stays; a job that has ended stays as it is."""
    return await ingest.cancel(job_id)
