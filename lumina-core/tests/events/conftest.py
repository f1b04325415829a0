from __future__ import annotations

from typing import Any

import pytest

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.events.streams import EventSettings, EventStreams


@pytest.fixture
def streams(redis: RedisClient, arrivals: Arrivals, clock: Any) -> EventStreams:
    return EventStreams(redis, arrivals, settings=EventSettings(attempts=3, kept=20, most=40), now=clock)
