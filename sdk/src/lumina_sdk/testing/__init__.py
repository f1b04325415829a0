"""What a module's tests are written with.

`FakeHub` is a hub in this process and in memory that keeps the same promises as the real one: `testing.contract` holds
the tests that prove it, of both. `run_module` runs a module against it. The pytest fixtures `fake_hub` and `run_module`
are there once `lumina-sdk[testing]` is installed, and `testing.conformance` holds the tests every module must pass.
"""

from __future__ import annotations

from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub import FakeHub
from lumina_sdk.testing.running import RunningModule, run_module

__all__ = ["FakeClock", "FakeHub", "RunningModule", "run_module"]
