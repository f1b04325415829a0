"""Whether each part answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from lumina_core.errors import CoreError
from lumina_hub.errors import HubError
from lumina_sdk.contract import Readiness

__all__ = ["Check", "HealthService"]

Check = Callable[[], Awaitable[None]]
"""Returns when the part is there; raises one of our errors, or takes too long, when it is not."""

_CHECK_TIMEOUT_S = 2.0


class HealthService:
    """Asks every part whether it is there, all at once."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)

    async def readiness(self) -> Readiness:
        reasons = await asyncio.gather(*(_ask(check) for check in self._checks.values()))
        waiting = {name: reason for name, reason in zip(self._checks, reasons, strict=True) if reason is not None}
        return Readiness(ready=not waiting, waiting_for=waiting)


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await check()
    except TimeoutError:
        return f"does not answer within {_CHECK_TIMEOUT_S:g} s"
    except (CoreError, HubError) as error:
        return str(error)
    return None
