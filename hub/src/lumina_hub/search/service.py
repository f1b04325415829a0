"""Search, for the routes."""

from __future__ import annotations

from lumina_hub.errors import NotReady
from lumina_sdk.contract import SearchRequest, SearchResponse

__all__ = ["SearchService"]


class SearchService:
    """Search, for the routes."""

    async def search(self, request: SearchRequest) -> SearchResponse:
        raise NotReady
