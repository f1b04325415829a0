"""Where jobs outlive the hub: one hash in Redis, whose writes are on the disk before they are acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from pydantic import ValidationError

from lumina_core.drivers.redis_client import RedisClient
from lumina_sdk.contract import IngestJob

__all__ = ["JobStore"]

_KEY = "lumina:ingest:jobs"
_log = structlog.get_logger(__name__)


class JobStore:
    """Every method raises `RedisDown` when Redis does not answer."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def save(self, job: IngestJob) -> None:
        """Keep the job, in place of what was kept under its id. Durable once this returns."""
        await self._redis.hset(_KEY, job.id, job.model_dump_json())

    async def forget(self, job_ids: Sequence[str]) -> None:
        if job_ids:
            await self._redis.hdel(_KEY, *job_ids)

    async def load(self) -> list[IngestJob]:
        """Every kept job, oldest first; one that cannot be read is logged and left out."""
        jobs = []
        for job_id, text in (await self._redis.hgetall(_KEY)).items():
            try:
                jobs.append(IngestJob.model_validate_json(text))
            except ValidationError:
                _log.warning("ingest_job_unreadable", job=job_id)
        return sorted(jobs, key=lambda job: job.created_at)
