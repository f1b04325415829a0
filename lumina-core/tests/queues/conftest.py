from __future__ import annotations

from typing import Any

import pytest

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.queues.queue import WorkQueues


@pytest.fixture
def queues(redis: RedisClient, arrivals: Arrivals, clock: Any) -> WorkQueues:
    return WorkQueues(redis, arrivals, now=clock)
