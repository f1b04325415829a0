"""Search, for the routes and for chat."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from lumina_core.drivers.vector_store import Filter
from lumina_core.retrieval.hits import SearchResult
from lumina_core.retrieval.search import Searcher
from lumina_hub.errors import QuestionTooLong
from lumina_hub.metrics.registry import Metrics
from lumina_hub.search.schemas import filter_in, hit_out
from lumina_sdk.contract import SearchRequest, SearchResponse

__all__ = ["SearchService"]


class SearchService:
    """Measured search. `note_search` is told of each one as it begins, so that background work can give way;
    `until_ready` may hold it back."""

    def __init__(
        self,
        searcher: Searcher,
        metrics: Metrics,
        *,
        max_chars: int,
        note_search: Callable[[], None],
        until_ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._searcher = searcher
        self._metrics = metrics
        self._max_chars = max_chars
        self._note_search = note_search
        self._until_ready = until_ready

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Raises `QuestionTooLong`, and what `find` raises."""
        began_s = time.perf_counter()
        self.check(request.query)
        result = await self.find(request.query, limit=request.limit, filter=filter_in(request))
        return SearchResponse(
            query=request.query,
            hits=tuple(hit_out(hit, explain=request.explain) for hit in result.hits),
            took_ms=round((time.perf_counter() - began_s) * 1000, 2),
        )

    async def find(self, query: str, *, limit: int = 10, filter: Filter | None = None) -> SearchResult:
        """Raises `VectorStoreDown` and `EmbedderDown`."""
        await self._until_ready()
        self._note_search()
        began_s = time.perf_counter()
        result = await self._searcher.search(query, limit=limit, filter=filter)
        self._metrics.retrieval_seconds.observe(time.perf_counter() - began_s)
        self._metrics.search_seconds.observe(
            sum(took_s for stage, took_s in result.took_s.items() if stage != "question")
        )
        return result

    def check(self, question: str) -> None:
        """Raises `QuestionTooLong`."""
        if len(question) > self._max_chars:
            raise QuestionTooLong(len(question), self._max_chars)
