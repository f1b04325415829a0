"""The fake hub, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp

from lumina_sdk.client import HubClient, Retries
from lumina_sdk.contract import ModuleDetail, NewArticle, Problem
from lumina_sdk.logs import module_logger
from lumina_sdk.runtime import problems
from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub import events, gaps, knowledge, pads, queues, routes, storage, vectors
from lumina_sdk.testing.fake_hub.access import Access
from lumina_sdk.testing.fake_hub.repeats import Repeats

__all__ = ["FakeHub"]


class FakeHub:
    """A hub in memory. `client` gives a `HubClient` that talks to it; its parts can be looked into and filled.

    `knowledge.answers[question] = answer` is what `chat` answers, `events.published(stream)` what was published,
    `requests` every request as `(principal or "", "POST /api/v1/events")`, `clock.advance(60)` lets time pass.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.access = Access()
        self.events = events.FakeEvents(self.clock)
        self.queues = queues.FakeQueues(self.clock)
        self.storage = storage.FakeStorage(self.clock)
        self.pads = pads.FakePads(self.clock)
        self.gaps = gaps.FakeGaps(self.clock)
        self.vectors = vectors.FakeVectors()
        self.knowledge = knowledge.FakeKnowledge(self.clock)
        self.modules: dict[str, ModuleDetail] = {}
        self.say: Callable[[str], str] = lambda prompt: prompt
        self.requests: list[tuple[str, str]] = []
        self._lost = 0
        self._refused: list[Problem] = []
        self.app: ASGIApp = self._application()

    def token(self, principal: str, scopes: Iterable[str]) -> str:
        """A token for a principal such as `module:almanac` or `user:ada`."""
        return self.access.issue(principal, scopes)

    def client(self, principal: str, scopes: Iterable[str] = ()) -> HubClient:
        """A client with a token for a principal. Its retries do not wait."""
        return self.client_with(self.token(principal, scopes))

    def client_with(self, token: str) -> HubClient:
        """A client with a token that was made by `token`, or a wrong one."""
        return HubClient("http://hub", token=token, transport=_Line(self), retries=Retries(sleep=_at_once))

    def add_article(self, title: str, text: str, *, source: str = "starter") -> str:
        """Put an article into the graph and return its id."""
        return self.knowledge.add(source, NewArticle(name=title, title=title, text=text)).id

    def lose_answers(self, number: int = 1) -> None:
        """Do what the next requests ask for, and break their connections before the answer."""
        self._lost += number

    def refuse(self, *refused: Problem) -> None:
        """Answer the next requests with these problems instead of doing anything."""
        self._refused += refused

    def _application(self) -> ASGIApp:
        app = FastAPI(openapi_url=None)
        app.state.hub = self
        problems.install(app, module_logger())
        for part in (events, queues, storage, pads, gaps, vectors, routes):
            app.include_router(part.router)
        return Repeats(app)


class _Line(httpx.AsyncBaseTransport):
    """The connection between a client and the fake hub, which can be made to break."""

    def __init__(self, hub: FakeHub) -> None:
        self._hub = hub
        self._inner = httpx.ASGITransport(app=hub.app, raise_app_exceptions=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._hub.requests.append((self._principal(request), f"{request.method} {request.url.path}"))
        if self._hub._refused:
            problem = self._hub._refused.pop(0)
            content = problem.model_dump_json().encode()
            headers = {"Content-Type": "application/problem+json"}
            return httpx.Response(problem.status, headers=headers, content=content, request=request)
        response = await self._inner.handle_async_request(request)
        if self._hub._lost:
            self._hub._lost -= 1
            await response.aread()
            raise httpx.ReadError("the fake hub lost the answer", request=request)
        return response

    def _principal(self, request: httpx.Request) -> str:
        try:
            return self._hub.access.identify(request.headers.get("authorization", "")).id
        except Exception:  # whatever is wrong with the token, the request is logged
            return ""


async def _at_once(seconds: float) -> None:
    return None
