"""What every upstream keeps to: the real one over a Unix socket and over TCP, and the one in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from lumina_hub.errors import UpstreamBroken, UpstreamTimeout
from lumina_hub.gateway.asgi_upstream import AsgiUpstream
from lumina_hub.gateway.http_upstream import HttpUpstream
from lumina_hub.gateway.upstream import Timeouts, Upstream, UpstreamRequest

from .conftest import serving

PATIENT = Timeouts(60.0, 60.0)
SHORT = Timeouts(0.05, 0.05)
MIB = 1024 * 1024


async def module(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await _talk(scope, receive, send)
        return
    path = scope["path"]
    if path == "/never":
        await asyncio.Event().wait()
    if path == "/fails":
        raise RuntimeError("on purpose")
    headers = [
        (b"X-Path", scope["raw_path"]),
        (b"X-Query", scope["query_string"]),
        (b"X-Method", scope["method"].encode()),
    ]
    for name, value in scope["headers"]:
        if name.startswith(b"x-"):
            headers.append((b"X-Got-" + name, value))
    await send({"type": "http.response.start", "status": 404 if path == "/missing" else 200, "headers": headers})
    if path == "/echo":
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": more})
        return
    if path == "/stalls":
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.Event().wait()
    if path == "/breaks":
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        raise RuntimeError("on purpose")
    await send({"type": "http.response.body", "body": b"hello"})


async def _talk(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
            return
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


@pytest.fixture(params=["unix", "tcp", "in process"])
async def upstream(request: pytest.FixtureRequest, sockets: Path) -> AsyncIterator[Upstream]:
    made: Upstream
    if request.param == "in process":
        made = AsgiUpstream("almanac", module)
        yield made
        await made.close()
    elif request.param == "unix":
        async with serving(module, uds=str(sockets / "module.sock")):
            made = HttpUpstream("almanac", sockets / "module.sock")
            yield made
            await made.close()
    else:
        async with serving(module, port=0) as server:
            made = HttpUpstream("almanac", f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
            yield made
            await made.close()


def asking(
    target: bytes,
    method: str = "GET",
    body: bytes | AsyncIterator[bytes] = b"",
    *,
    length: int | None = 0,
    timeouts: Timeouts = PATIENT,
) -> UpstreamRequest:
    headers = [(b"host", b"almanac"), (b"x-one", b"1")]
    return UpstreamRequest(method, target, headers, body, len(body) if isinstance(body, bytes) else length, timeouts)


async def read_all(upstream: Upstream, request: UpstreamRequest) -> bytes:
    response = await upstream.send(request)
    try:
        whole, more = b"", True
        while more:
            piece, more = await response.read()
            whole += piece
        return whole
    finally:
        response.close()


async def in_pieces(size: int, count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * size


async def test_a_request_arrives_as_it_was_sent(upstream: Upstream) -> None:
    response = await upstream.send(asking(b"/a%20b?q=%2F&q=2"))
    response.close()
    headers = dict(response.headers)

    assert response.status == 200
    assert headers[b"x-path"] == b"/a%20b"
    assert headers[b"x-query"] == b"q=%2F&q=2"
    assert headers[b"x-got-x-one"] == b"1"


async def test_any_status_is_an_answer(upstream: Upstream) -> None:
    response = await upstream.send(asking(b"/missing"))

    assert response.status == 404
    response.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_passes_with_a_body(upstream: Upstream, method: str) -> None:
    assert await read_all(upstream, asking(b"/echo", method, b"words")) == b"words"


@pytest.mark.parametrize("length", [None, 50 * 1000])
async def test_a_body_in_pieces_arrives_whole(upstream: Upstream, length: int | None) -> None:
    sent = b"".join([piece async for piece in in_pieces(1000, 50)])

    assert await read_all(upstream, asking(b"/echo", "POST", in_pieces(1000, 50), length=length)) == sent


async def test_both_bodies_flow_at_the_same_time(upstream: Upstream) -> None:
    """A module that answers while it reads is never waited for with the whole body in memory."""
    assert len(await read_all(upstream, asking(b"/echo", "POST", in_pieces(65_536, 128), length=None))) == 8 * MIB


async def test_head_has_no_body(upstream: Upstream) -> None:
    response = await upstream.send(asking(b"/hello", "HEAD"))

    assert await response.read() == (b"", False)
    response.close()


async def test_many_requests_one_after_another(upstream: Upstream) -> None:
    assert [await read_all(upstream, asking(b"/hello")) for _ in range(20)] == [b"hello"] * 20


async def test_many_requests_at_once(upstream: Upstream) -> None:
    answers = await asyncio.gather(*(read_all(upstream, asking(b"/hello")) for _ in range(20)))

    assert answers == [b"hello"] * 20


async def test_a_module_that_never_answers_is_a_timeout(upstream: Upstream) -> None:
    with pytest.raises(UpstreamTimeout, match="'almanac'"):
        await upstream.send(asking(b"/never", timeouts=SHORT))


async def test_a_module_that_stops_in_the_middle_is_a_timeout(upstream: Upstream) -> None:
    with pytest.raises(UpstreamTimeout):
        await read_all(upstream, asking(b"/stalls", timeouts=Timeouts(60.0, 0.05)))


async def test_a_stream_may_be_silent(upstream: Upstream) -> None:
    response = await upstream.send(asking(b"/stalls", timeouts=Timeouts(0.5, None)))
    assert await response.read() == (b"first", True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.7):
            await response.read()
    response.close()


async def test_an_answer_that_breaks_off_is_broken(upstream: Upstream) -> None:
    response = await upstream.send(asking(b"/breaks"))
    assert (await response.read())[0] == b"first"

    with pytest.raises(UpstreamBroken, match="'almanac'"):
        await response.read()
    response.close()


async def test_what_the_bodys_iterator_raises_comes_out(upstream: Upstream) -> None:
    class Gone(Exception):
        pass

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        raise Gone

    with pytest.raises(Gone):
        await read_all(upstream, asking(b"/echo", "POST", body(), length=None))


async def test_an_answer_given_up_leaves_the_next_one_whole(upstream: Upstream) -> None:
    for _ in range(3):
        response = await upstream.send(asking(b"/stalls"))
        response.close()
        response.close()

    assert await read_all(upstream, asking(b"/hello")) == b"hello"


async def test_a_websocket_carries_text_and_bytes_both_ways(upstream: Upstream) -> None:
    socket = await upstream.open_socket(asking(b"/talk"), ["chat.v1", "chat.v2"])
    await socket.send("words")
    await socket.send(b"\x00\xff")

    assert socket.subprotocol == "chat.v1"
    assert await socket.receive() == "words"
    assert await socket.receive() == b"\x00\xff"
    await socket.close(1000, "")


async def test_a_websocket_the_module_ends_says_how(upstream: Upstream) -> None:
    socket = await upstream.open_socket(asking(b"/talk"), [])
    await socket.send("bye")

    assert await socket.receive() is None
    assert (socket.close_code, socket.close_reason) == (4001, "as asked")
    await socket.close(1000, "")


async def test_a_websocket_that_is_refused_is_broken(upstream: Upstream) -> None:
    with pytest.raises(UpstreamBroken, match="did not accept"):
        await upstream.open_socket(asking(b"/refused"), [])
