"""Running a command that waits for a hub."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run"]


Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end. Ctrl-C cancels the work, which then says how to go on."""
    return asyncio.run(work)
