"""Ingest jobs."""

from __future__ import annotations

from collections.abc import Sequence

from lumina_hub.errors import NotReady
from lumina_sdk.contract import IngestJob, IngestRequest

__all__ = ["IngestService"]


class IngestService:
    """Ingest jobs."""

    async def start(self, request: IngestRequest) -> IngestJob:
        raise NotReady

    def jobs(self) -> Sequence[IngestJob]:
        raise NotReady

    def job(self, job_id: str) -> IngestJob:
        raise NotReady

    async def cancel(self, job_id: str) -> IngestJob:
        raise NotReady


def is_address(source: str) -> bool:
    """Whether a source is on another machine."""
    return source.lower().startswith(("http://", "https://"))
