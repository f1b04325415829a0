"""Modules that do not speak HTTP as it is written, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lumina_core.errors import InvalidInput
from lumina_hub.errors import RequestTimeout, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from lumina_hub.gateway.http_upstream import HttpUpstream
from lumina_hub.gateway.upstream import Timeouts

from .test_upstream import asking, read_all

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


@asynccontextmanager
async def listening(path: Path, serve: Serve) -> AsyncIterator[HttpUpstream]:
    """A module of bare sockets; whatever `serve` still does at the end is cancelled."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[object]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.ensure_future(serve(reader, writer)))  # type: ignore[arg-type]

    server = await asyncio.start_unix_server(accept, path / "module.sock", limit=1024)
    upstream = HttpUpstream("almanac", path / "module.sock")
    try:
        yield upstream
    finally:
        await upstream.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def saying(path: Path, *answers: bytes, hang: bool = False) -> AsyncIterator[tuple[HttpUpstream, list[bytes]]]:
    """A module that says the next of `answers` to each request it reads, then hangs up, or does not."""
    waiting, heard = list(answers), []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while waiting:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(waiting.pop(0))
            await writer.drain()
        if hang:
            await asyncio.Event().wait()
        writer.close()

    async with listening(path, serve) as upstream:
        yield upstream, heard


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x01\x02\x03",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\nZ\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"",
    ],
    ids=lambda garbage: repr(garbage[:40]),
)
async def test_what_is_not_http_is_broken(sockets: Path, garbage: bytes) -> None:
    async with saying(sockets, garbage) as (upstream, _):
        with pytest.raises(UpstreamBroken, match="'almanac' failed"):
            await read_all(upstream, asking(b"/", "POST", b"x"))


async def test_what_follows_an_answer_unasked_is_never_taken_for_another(sockets: Path) -> None:
    async with saying(sockets, OK + OK.replace(b"hello", b"false"), OK) as (upstream, _):
        first = await read_all(upstream, asking(b"/"))

        assert first == b"hello"
        assert await read_all(upstream, asking(b"/")) == b"hello"


async def test_interim_answers_are_passed_over(sockets: Path) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with saying(sockets, interim + OK) as (upstream, _):
        response = await upstream.send(asking(b"/"))

        assert response.status == 200
        assert response.headers == [(b"content-length", b"5")]
        response.close()


async def test_without_a_length_the_end_of_the_connection_is_the_end(sockets: Path) -> None:
    async with saying(sockets, b"HTTP/1.1 200 OK\r\n\r\nhello") as (upstream, _):
        assert await read_all(upstream, asking(b"/")) == b"hello"


async def test_a_connection_is_used_again(sockets: Path) -> None:
    async with saying(sockets, OK, OK, OK) as (upstream, heard):
        for _ in range(3):
            assert await read_all(upstream, asking(b"/")) == b"hello"

        assert len(heard) == 3


@pytest.mark.parametrize(("method", "asked"), [("GET", 3), ("POST", 2)])
async def test_only_what_may_be_repeated_is_repeated(sockets: Path, method: str, asked: int) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the first request of the first connection, and every one of the second."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            heard.append(head)
            if len(heard) == 2:
                break
            writer.write(OK)
        writer.close()

    async with listening(sockets, serve) as upstream:
        await read_all(upstream, asking(b"/"))
        if method == "GET":
            assert await read_all(upstream, asking(b"/", method)) == b"hello"
        else:
            with pytest.raises(UpstreamBroken):
                await read_all(upstream, asking(b"/", method))

        assert len(heard) == asked


async def test_nothing_that_listens_is_unreachable(sockets: Path) -> None:
    with pytest.raises(UpstreamUnreachable, match="nothing listens"):
        await HttpUpstream("almanac", sockets / "none.sock").send(asking(b"/"))


async def test_a_caller_who_stops_in_the_middle_is_not_the_modules_fault(sockets: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async with saying(sockets, b"", hang=True) as (upstream, _):
        with pytest.raises(RequestTimeout):
            await upstream.send(asking(b"/", "POST", body(), length=None, timeouts=Timeouts(0.05, 0.05)))


async def test_a_reader_who_waits_holds_the_module_back(sockets: Path) -> None:
    """1 GiB is on offer; what is on its way stays within the buffers of the sockets and the gateway."""
    written = 0
    stopped = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        try:
            while written < 1 << 30:
                writer.write(b"x" * 65_536)
                written += 65_536
                await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            stopped.set()
        writer.close()

    async with listening(sockets, serve) as upstream:
        response = await upstream.send(asking(b"/"))
        await stopped.wait()

        assert written < 8 * 1024 * 1024
        response.close()


async def test_a_module_that_does_not_read_holds_the_caller_back(sockets: Path) -> None:
    given = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 1 << 30:
            given += 65_536
            yield b"x" * 65_536

    async with listening(sockets, lambda reader, writer: asyncio.Event().wait()) as upstream:
        with pytest.raises(UpstreamTimeout):
            await upstream.send(asking(b"/", "POST", body(), length=None, timeouts=Timeouts(0.3, 0.3)))

    assert given < 8 * 1024 * 1024


@pytest.mark.parametrize("url", ["ftp://x", "http://", "nonsense", "http://user@host/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="no address"):
        HttpUpstream("almanac", url)
