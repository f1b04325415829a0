"""Rebuilding the index."""

from __future__ import annotations

from lumina_hub.errors import NotReady
from lumina_sdk.contract import Reindex

__all__ = ["ReindexService"]


class ReindexService:
    """Rebuilding the index."""

    async def start(self) -> Reindex:
        raise NotReady

    async def progress(self) -> Reindex:
        raise NotReady
