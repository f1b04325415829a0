from __future__ import annotations

import asyncio

import pytest

from lumina_core.errors import RedisDown
from lumina_hub.health import service as health
from lumina_hub.health.service import HealthService


async def fine() -> None:
    pass


async def down() -> None:
    raise RedisDown("Redis is away")


async def silent() -> None:
    await asyncio.Event().wait()


async def test_a_hub_is_ready_when_every_part_answers() -> None:
    assert (await HealthService({"redis": fine}).readiness()).ready


async def test_what_is_missing_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_CHECK_TIMEOUT_S", 0.01)

    readiness = await HealthService({"redis": down, "index": silent, "log": fine}).readiness()

    assert not readiness.ready
    assert readiness.waiting_for == {"redis": "Redis is away", "index": "does not answer within 0.01 s"}
