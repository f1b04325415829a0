"""The parts Lumina starts or calls."""

from __future__ import annotations

from collections.abc import Callable

from lumina_hub.cli.doctor.check import Check
from lumina_hub.settings import Settings

__all__ = ["CHECKS"]

CHECKS: tuple[Callable[[Settings], Check], ...] = ()
