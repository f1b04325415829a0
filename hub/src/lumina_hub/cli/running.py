"""Running a command that waits for a hub."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from lumina_hub.cli.logs import log_to_stderr
from lumina_hub.cli.options import Globals

__all__ = ["run"]


Result = TypeVar("Result")


def run(said: Globals, work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end. A hub that is started for it logs its warnings to stderr and nothing to stdout."""
    log_to_stderr()
    return asyncio.run(work)
