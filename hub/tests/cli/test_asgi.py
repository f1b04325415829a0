from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from lumina_hub.cli.asgi import StreamingAsgiTransport


def client(*routes: Route) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=StreamingAsgiTransport(Starlette(routes=list(routes))), base_url="http://hub")


async def test_a_request_arrives_whole() -> None:
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "path": request.url.path,
                "query": dict(request.query_params),
                "token": request.headers["authorization"],
                "body": await request.json(),
            },
            status_code=201,
        )

    async with client(Route("/a b", echo, methods=["POST"])) as hub:
        response = await hub.post("/a b", params={"q": "ü"}, json={"n": 1}, headers={"Authorization": "Bearer t"})

    assert response.status_code == 201
    assert response.json() == {"path": "/a b", "query": {"q": "ü"}, "token": "Bearer t", "body": {"n": 1}}


async def test_a_response_is_read_while_it_is_being_made() -> None:
    first_was_read = asyncio.Event()

    async def slow(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            await first_was_read.wait()
            yield b"two"

        return StreamingResponse(pieces())

    async with client(Route("/", slow)) as hub, asyncio.timeout(10), hub.stream("GET", "/") as response:
        read = []
        async for piece in response.aiter_bytes():
            read.append(piece)
            first_was_read.set()

    assert b"".join(read) == b"onetwo"


async def test_an_application_far_ahead_waits_for_its_reader() -> None:
    made = 0

    async def fast(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal made
            for _ in range(1000):
                made += 1
                yield b"x"

        return StreamingResponse(pieces())

    async with client(Route("/", fast)) as hub, asyncio.timeout(10), hub.stream("GET", "/") as response:
        pieces = response.aiter_bytes()
        await anext(pieces)
        ahead = made
        rest = [piece async for piece in pieces]

    assert ahead < 100
    assert len(b"".join(rest)) == 999


async def test_leaving_early_tells_the_application() -> None:
    gone = asyncio.Event()

    async def endless(asgi_scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    async with (
        httpx.AsyncClient(transport=StreamingAsgiTransport(endless), base_url="http://hub") as hub,
        asyncio.timeout(10),
        hub.stream("GET", "/") as response,
    ):
        await anext(response.aiter_bytes())

    assert gone.is_set()


async def test_an_application_that_fails_lets_its_own_error_out() -> None:
    async def broken(request: Request) -> JSONResponse:
        raise ZeroDivisionError

    async with client(Route("/", broken)) as hub:
        with pytest.raises(ZeroDivisionError):
            await hub.get("/")
