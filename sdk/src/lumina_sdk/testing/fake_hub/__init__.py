"""A hub in memory."""

from __future__ import annotations

from lumina_sdk.testing.fake_hub.hub import FakeHub

__all__ = ["FakeHub"]
