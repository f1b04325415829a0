"""What every module promises."""

from __future__ import annotations

from pathlib import Path

from lumina_sdk.testing.conformance import ModuleConformance


class TestConformance(ModuleConformance):
    folder = Path(__file__).parents[1]
