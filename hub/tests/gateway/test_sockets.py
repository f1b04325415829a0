"""What only sockets show: streams, callers who hang up, modules that break off, requests meant to confuse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lumina_hub.gateway.table import RouteTable

from .conftest import READ, OnSockets, endpoint, gateway_on_sockets, routes, serving

PATH = "/api/v1/almanac"
BIG = 64 * 1024 * 1024
AUTHORISED = {"Authorization": f"Bearer ada:{READ}"}


class Module:
    """Streams, and tells what becomes of its callers."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.left = asyncio.Event()
        self.seen: list[tuple[str, bytes]] = []
        self.taken = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._talk(receive, send)
            return
        kind = scope["path"].rpartition("/")[2]
        self.seen.append((scope["method"], scope["raw_path"]))
        try:
            await getattr(self, f"_{kind}", self._hello)(receive, send)
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def _hello(self, receive: Receive, send: Send) -> None:
        await _start(send, [(b"content-length", b"5")])
        await send({"type": "http.response.body", "body": b"hello"})

    async def _events(self, receive: Receive, send: Send) -> None:
        await _start(send, [(b"content-type", b"text/event-stream")])
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await self.go.wait()
        await send({"type": "http.response.body", "body": b"data: 2\n\n", "more_body": False})

    async def _waits(self, receive: Receive, send: Send) -> None:
        await _start(send, [])
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        self.go.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    async def _silent(self, receive: Receive, send: Send) -> None:
        self.go.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()

    async def _upload(self, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            self.taken += len(message["body"])
            more = message["more_body"]
            self.go.set()
        await _start(send, [])
        await send({"type": "http.response.body", "body": str(self.taken).encode()})

    async def _download(self, receive: Receive, send: Send) -> None:
        await _start(send, [(b"content-length", str(BIG).encode())])
        piece = b"x" * 65_536
        for _ in range(BIG // len(piece)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _resets(self, receive: Receive, send: Send) -> None:
        await _start(send, [(b"content-length", b"100")])
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        raise RuntimeError("on purpose")

    async def _talk(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "chat.v1"})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "bye":
                await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
            else:
                kind = "text" if message.get("text") is not None else "bytes"
                await send({"type": "websocket.send", kind: message[kind]})
        self.left.set()


async def _start(send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})


@pytest.fixture
def module() -> Module:
    return Module()


@pytest.fixture
async def hub(module: Module, sockets: Path, registry: CollectorRegistry) -> AsyncIterator[OnSockets]:
    endpoints = [
        endpoint(f"{PATH}/{{kind}}", method, body_limit_bytes=2 * BIG, stream=True) for method in ("GET", "POST")
    ]
    endpoints.append(endpoint("/api/v1/almanac-talk", websocket=True))
    table = RouteTable([routes(*endpoints, address=sockets / "module.sock")])
    async with serving(module, uds=str(sockets / "module.sock")), gateway_on_sockets(table, registry) as parts:
        yield parts


async def raw(hub: OnSockets, request: bytes) -> bytes:
    """Everything the hub says to these bytes until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_an_event_is_passed_on_before_the_next_one_is_made(hub: OnSockets, module: Module) -> None:
    async with hub.client.stream("GET", f"{PATH}/events") as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "data: 1"
        module.go.set()
        assert [line async for line in lines if line] == ["data: 2"]


@pytest.mark.parametrize("kind", ["waits", "silent"])
async def test_a_caller_who_hangs_up_ends_the_call_of_the_module(hub: OnSockets, module: Module, kind: str) -> None:
    call = asyncio.create_task(hub.client.get(f"{PATH}/{kind}"))
    await module.go.wait()

    call.cancel()

    await asyncio.wait_for(module.left.wait(), 60)
    assert (await hub.client.get(f"{PATH}/hello")).text == "hello"


async def test_a_caller_who_hangs_up_while_sending_ends_the_call_too(hub: OnSockets, module: Module) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    call = asyncio.create_task(hub.client.post(f"{PATH}/upload", content=body()))
    await module.go.wait()

    call.cancel()

    await asyncio.wait_for(module.left.wait(), 60)


async def test_a_caller_who_went_away_is_counted_as_such(
    hub: OnSockets, module: Module, registry: CollectorRegistry
) -> None:
    call = asyncio.create_task(hub.client.get(f"{PATH}/silent"))
    await module.go.wait()
    call.cancel()
    await module.left.wait()
    await hub.client.get(f"{PATH}/hello")

    labels = {"module": "almanac", "endpoint": f"GET {PATH}/{{kind}}", "status": "499"}
    assert registry.get_sample_value("lumina_module_requests_total", labels) == 1


async def test_an_answer_the_module_breaks_off_is_broken_off_for_the_caller(hub: OnSockets) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await hub.client.get(f"{PATH}/resets")

    assert (await hub.client.get(f"{PATH}/hello")).text == "hello"


async def test_a_large_upload_arrives(hub: OnSockets) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(BIG // 65_536):
            yield b"x" * 65_536

    assert (await hub.client.post(f"{PATH}/upload", content=body())).text == str(BIG)


async def test_a_large_download_arrives(hub: OnSockets) -> None:
    size = 0
    async with hub.client.stream("GET", f"{PATH}/download") as response:
        async for piece in response.aiter_raw():
            size += len(piece)

    assert size == BIG


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: +5\r\n\r\nhello",
        b"Content-Length: 5,5\r\n\r\nhello",
        b"Content-Length: -1\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"\r\n5;\nhello\r\n0\r\n\r\n",
    ],
    ids=lambda framing: repr(framing[:40]),
)
async def test_a_request_whose_end_can_be_read_in_two_ways_is_refused(
    hub: OnSockets, module: Module, framing: bytes
) -> None:
    head = b"POST /api/v1/almanac/upload HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer ada:read:almanac\r\n"

    answer = await raw(hub, head + framing)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert module.taken == 0


@pytest.mark.parametrize(
    "target", [b"/api/v1/almanac/caf\xc3\xa9", b"http://evil/api/v1/almanac/../x", b"/api/v1/almanac/\t"]
)
async def test_a_target_that_is_no_path_never_reaches_the_module(hub: OnSockets, module: Module, target: bytes) -> None:
    request = (
        b"GET "
        + target
        + b" HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer ada:read:almanac\r\n\r\n"
    )

    answer = await raw(hub, request)

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 "))
    assert module.seen == []


async def test_escapes_that_mean_nothing_are_undone(hub: OnSockets, module: Module) -> None:
    await hub.client.get(httpx.URL(str(hub.client.base_url), raw_path=b"/api/v1/%61lmanac/hell%6F"))

    assert module.seen == [("GET", b"/api/v1/almanac/hello")]


def talking(hub: OnSockets, headers: dict[str, str] = AUTHORISED) -> Any:
    return connect(
        f"ws://127.0.0.1:{hub.port}/api/v1/almanac-talk",
        additional_headers=headers,
        subprotocols=["chat.v1"],  # type: ignore[list-item]
        proxy=None,
    )


async def test_a_websocket_goes_through(hub: OnSockets, module: Module) -> None:
    async with talking(hub) as socket:
        await socket.send("words")
        await socket.send(b"\x00\xff")

        assert socket.subprotocol == "chat.v1"
        assert await socket.recv() == "words"
        assert await socket.recv() == b"\x00\xff"
    await asyncio.wait_for(module.left.wait(), 60)


async def test_a_websocket_the_module_closes_is_closed_with_its_code(hub: OnSockets) -> None:
    async with talking(hub) as socket:
        await socket.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as asked")


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": "Bearer ada:chat"}, 403)])
async def test_a_websocket_is_refused_before_it_is_accepted(
    hub: OnSockets, module: Module, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talking(hub, headers):
            pass

    assert refused.value.response.status_code == status


async def test_a_websocket_of_a_module_that_is_not_there_is_refused(sockets: Path, registry: CollectorRegistry) -> None:
    table = RouteTable([routes(endpoint("/api/v1/almanac-talk", websocket=True), address=sockets / "none.sock")])
    async with gateway_on_sockets(table, registry) as hub:
        with pytest.raises(InvalidStatus) as refused:
            async with talking(hub):
                pass

    assert refused.value.response.status_code == 503


async def test_a_module_started_anew_is_reached_at_once(
    sockets: Path, registry: CollectorRegistry, module: Module
) -> None:
    socket = str(sockets / "module.sock")
    table = RouteTable([routes(endpoint(f"{PATH}/{{kind}}"), address=sockets / "module.sock")])
    async with gateway_on_sockets(table, registry) as hub:
        async with serving(module, uds=socket):
            assert (await hub.client.get(f"{PATH}/hello")).text == "hello"
        away = await hub.client.get(f"{PATH}/hello")
        async with serving(module, uds=socket):
            back = await hub.client.get(f"{PATH}/hello")

    assert away.status_code == 503
    assert away.json()["type"] == "/problems/module-unreachable"
    assert back.text == "hello"
