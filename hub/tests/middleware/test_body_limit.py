from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from lumina_hub.middleware.body_limit import BodyLimit

LIMIT = 1000


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture
async def client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(BodyLimit(echo, limit_bytes=LIMIT))
    return httpx.AsyncClient(transport=transport, base_url="http://hub")


async def pieces(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_at_the_limit_passes(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=b"x" * LIMIT)).text == str(LIMIT)


async def test_a_body_over_the_limit_is_refused_with_a_problem(client: httpx.AsyncClient) -> None:
    response = await client.post("/", content=b"x" * (LIMIT + 1))

    assert response.status_code == 413
    assert response.json()["type"] == "/problems/body-too-large"
    assert "1,000 bytes" in response.json()["detail"]


async def test_a_body_that_hides_its_length_is_cut_off_at_the_limit(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=pieces(100, 10))).text == str(LIMIT)
    assert (await client.post("/", content=pieces(100, 11))).status_code == 413


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    async def unread() -> Any:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", b"1000000")]
    scope = {"type": "http", "path": "/", "method": "POST", "headers": headers, "query_string": b""}
    await BodyLimit(echo, limit_bytes=LIMIT)(scope, unread, send)

    assert sent[0]["status"] == 413
