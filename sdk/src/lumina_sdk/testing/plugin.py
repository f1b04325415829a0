"""Fixtures for pytest, there as soon as `lumina-sdk[testing]` is installed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lumina_sdk.testing.fake_hub import FakeHub
    from lumina_sdk.testing.running import RunningModule

pytest.register_assert_rewrite("lumina_sdk.testing.contract", "lumina_sdk.testing.conformance")


@pytest.fixture
def fake_hub() -> FakeHub:
    """A hub in memory, new for each test."""
    from lumina_sdk.testing.fake_hub import FakeHub

    return FakeHub()


@pytest.fixture
def run_module(fake_hub: FakeHub) -> Callable[..., AbstractAsyncContextManager[RunningModule]]:
    """`lumina_sdk.testing.run_module` with the test's `fake_hub`: `async with run_module(module) as running`."""
    from lumina_sdk.testing.running import run_module

    return partial(run_module, hub=fake_hub)
