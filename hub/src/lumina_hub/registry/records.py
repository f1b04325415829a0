"""What people decided about modules, and what they installed. Kept in one hash in Redis."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from lumina_core.drivers.redis_client import RedisClient
from lumina_hub.registry.grants import Grant

__all__ = ["Installation", "ModuleRecord", "RecordStore"]

_KEY = "lumina:modules"
_log = structlog.get_logger(__name__)


class Installation(BaseModel):
    """A version in an environment of its own. `environment` is a folder in the module's own, `source` what was asked
    for, `manifest` the manifest's path in the environment, `asks` the permissions in it."""

    model_config = ConfigDict(frozen=True)

    version: str
    environment: str
    manifest: str
    source: str
    asks: tuple[str, ...] = ()


class ModuleRecord(BaseModel):
    """One module.

    Args:
        switched: True on, False off, None never touched.
        grants: The owner's decisions, oldest first.
        config: The settings it was given, secrets included.
        installed: The version that runs, if it was installed.
        waiting: A newer one that waits for a decision on what it asks for.
        remote: The manifest of a module that runs elsewhere, as it was registered.
        remote_url: Where that manifest is.
        linked: A folder it is run from for now, in place of what is installed.
    """

    model_config = ConfigDict(frozen=True)

    switched: bool | None = None
    grants: tuple[Grant, ...] = ()
    config: dict[str, JsonValue] = {}
    installed: Installation | None = None
    waiting: Installation | None = None
    remote: str | None = None
    remote_url: str | None = None
    linked: str | None = None


class RecordStore:
    """Every method raises `RedisDown` when Redis does not answer. A change is durable once it returns."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def load(self) -> dict[str, ModuleRecord]:
        """Every record, by slug; one that cannot be read is logged and left out."""
        records = {}
        for slug, text in (await self._redis.hgetall(_KEY)).items():
            try:
                records[str(slug)] = ModuleRecord.model_validate_json(text)
            except ValidationError:
                _log.error("module_record_unreadable", module=slug)
        return records

    async def save(self, slug: str, record: ModuleRecord) -> None:
        await self._redis.hset(_KEY, slug, record.model_dump_json())

    async def forget(self, slug: str) -> None:
        await self._redis.hdel(_KEY, slug)
