"""The hub at a glance."""

from __future__ import annotations

from lumina_hub.errors import NotReady
from lumina_sdk.contract import Status

__all__ = ["StatusService"]


class StatusService:
    """The hub at a glance."""

    async def status(self) -> Status:
        raise NotReady
