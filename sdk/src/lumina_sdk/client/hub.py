"""`HubClient`: everything a hub offers, typed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.engine import EngineApi
from lumina_sdk.client.events import EventsApi
from lumina_sdk.client.gaps import GapsApi
from lumina_sdk.client.graph import GraphApi
from lumina_sdk.client.pads import PadsApi
from lumina_sdk.client.queues import QueuesApi
from lumina_sdk.client.retries import Retries
from lumina_sdk.client.storage import StorageApi
from lumina_sdk.client.tokens import FixedToken, TokenSource
from lumina_sdk.client.turns import TurnsApi
from lumina_sdk.client.vectors import VectorsApi
from lumina_sdk.contract import (
    ChatAnswer,
    ChatDelta,
    ChatRequest,
    ChatStart,
    Embeddings,
    EmbedRequest,
    ModuleDetail,
    Modules,
    PrincipalInfo,
    SearchRequest,
    SearchResponse,
    Status,
)

__all__ = ["HubClient"]

_ANSWERING_S = 120


class HubClient:
    """A hub, from outside. Use it as `async with HubClient(…) as hub`, or call `aclose`.

    Every method raises the errors of `lumina_sdk.errors` and no other: `Refusal` and its kinds for what the hub
    refuses, `HubUnreachable` and `HubTimeout` for a hub that does not answer. A request that may pass is tried again,
    always under one idempotency key, so that the hub does it once.

    Args:
        url: Where the hub is. With `socket` only its path counts.
        token: A token, or where to get one for each request.
        socket: A Unix socket to connect to instead of a TCP port.
        timeout_s: How long a usual answer may take. Methods whose answer takes longer by their nature add to it.
        transport: Something else than the network to send requests through, such as `httpx.ASGITransport`.
    """

    def __init__(
        self,
        url: str = "http://localhost",
        *,
        token: str | TokenSource | None = None,
        socket: Path | None = None,
        timeout_s: float = 30,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
        if transport is None:
            transport = httpx.AsyncHTTPTransport(uds=str(socket) if socket else None, limits=limits, trust_env=False)
        client = httpx.AsyncClient(base_url=url, transport=transport, timeout=timeout_s, trust_env=False)
        tokens = FixedToken(token) if token is None or isinstance(token, str) else token
        self._join(Connection(client, tokens, retries or Retries()), owns=True)

    def _join(self, connection: Connection, *, owns: bool) -> None:
        self._connection, self._owns = connection, owns

    @cached_property
    def graph(self) -> GraphApi:
        """Articles, links and revisions."""
        return GraphApi(self._connection)

    @cached_property
    def turns(self) -> TurnsApi:
        """Past turns and sessions."""
        return TurnsApi(self._connection)

    @cached_property
    def pads(self) -> PadsApi:
        """Scratchpads."""
        return PadsApi(self._connection)

    @cached_property
    def events(self) -> EventsApi:
        """Events: published, read and settled."""
        return EventsApi(self._connection)

    @cached_property
    def queues(self) -> QueuesApi:
        """Priority queues."""
        return QueuesApi(self._connection)

    @cached_property
    def gaps(self) -> GapsApi:
        """What Lumina does not know."""
        return GapsApi(self._connection)

    @cached_property
    def engine(self) -> EngineApi:
        """The language engine."""
        return EngineApi(self._connection)

    @cached_property
    def vectors(self) -> VectorsApi:
        """Collections of vectors."""
        return VectorsApi(self._connection)

    @cached_property
    def storage(self) -> StorageApi:
        """The module's own values and files."""
        return StorageApi(self._connection)

    def on_behalf_of(self, token: str, *, headers: Mapping[str, str] | None = None) -> HubClient:
        """A client that acts for whom the token stands for, over the same connections. It needs no closing."""
        other = object.__new__(HubClient)
        other._join(self._connection.as_other(FixedToken(token), headers or {}), owns=False)
        return other

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        source: str | None = None,
        article: str | None = None,
        since: float | None = None,
        until: float | None = None,
        explain: bool = False,
    ) -> SearchResponse:
        """Find passages, best first. Needs `read:vector_store`."""
        request = SearchRequest(
            query=query, limit=limit, source=source, article=article, since=since, until=until, explain=explain
        )
        return await self._connection.ask(SearchResponse, "POST", "/api/v1/search", request)

    async def ask(self, query: str, *, session: str | None = None) -> ChatAnswer:
        """Ask a question; the answer cites. Needs `chat`."""
        request = ChatRequest(query=query, session=session)
        return await self._connection.ask(ChatAnswer, "POST", "/api/v1/chat", request, longer_s=_ANSWERING_S)

    async def ask_in_pieces(
        self, query: str, *, session: str | None = None
    ) -> AsyncIterator[ChatStart | ChatDelta | ChatAnswer]:
        """Ask a question and follow its answer: a `ChatStart`, `ChatDelta`s, then the `ChatAnswer`. Needs `chat`."""
        request = ChatRequest(query=query, session=session, stream=True)
        kinds: dict[str, type[ChatStart | ChatDelta | ChatAnswer]] = {
            "start": ChatStart,
            "delta": ChatDelta,
            "done": ChatAnswer,
        }
        async for name, data in self._connection.events("POST", "/api/v1/chat", request, longer_s=_ANSWERING_S):
            if kind := kinds.get(name):
                yield kind.model_validate_json(data)

    async def embed(self, *texts: str, query: bool = False) -> Embeddings:
        """Turn texts into vectors, as passages, or with `query` as what one looks for. Needs `use:embeddings`."""
        request = EmbedRequest(texts=texts, kind="query" if query else "passage")
        return await self._connection.ask(Embeddings, "POST", "/api/v1/embeddings", request)

    async def me(self) -> PrincipalInfo:
        """Who the token stands for, and what it may do. Needs a token, and no scope."""
        return await self._connection.ask(PrincipalInfo, "GET", "/api/v1/me")

    async def status(self) -> Status:
        """The hub at a glance. Needs `read:metrics`."""
        return await self._connection.ask(Status, "GET", "/api/v1/status")

    async def modules(self) -> Modules:
        """The modules the hub knows. Needs `read:modules`."""
        return await self._connection.ask(Modules, "GET", "/api/v1/modules")

    async def module(self, name: str) -> ModuleDetail:
        """One module, whole. Needs `read:modules`."""
        return await self._connection.ask(ModuleDetail, "GET", f"/api/v1/modules/{name}")

    async def pause(self, attempt: int, *, longest_s: float) -> None:
        """Wait as after the `attempt`th try that failed, up to `longest_s`: for loops that ask again and again."""
        await replace(self._connection.retries, longest_s=longest_s).pause(attempt)

    async def aclose(self) -> None:
        """Close the connections. A client made by `on_behalf_of` leaves them to the one it came from."""
        if self._owns:
            await self._connection.client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
