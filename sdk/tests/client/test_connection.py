from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from lumina_sdk.client import FileToken, HubClient, Retries
from lumina_sdk.contract import ChatAnswer, ChatDelta, Problem
from lumina_sdk.errors import (
    HubTimeout,
    HubUnreachable,
    InvalidAnswer,
    InvalidEnvironment,
    LuminaError,
    MissingScope,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from lumina_sdk.testing import FakeHub

Answer = Callable[[httpx.Request], httpx.Response]
ME = {"id": "module:a", "kind": "module", "scopes": []}


class Pauses:
    """A sleep that takes no time and is remembered."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def client_of(*answers: httpx.Response | Exception, pauses: Pauses | None = None, **options: object) -> HubClient:
    """A client whose hub answers so, in this order; its requests are in `client.seen`."""
    left = list(answers)
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    retries = Retries(sleep=pauses or Pauses(), draw=lambda: 1.0)
    client = HubClient("http://hub", transport=httpx.MockTransport(handle), retries=retries, **options)  # type: ignore[arg-type]
    client.seen = seen  # type: ignore[attr-defined]
    return client


def problem(status: int, name: str, **headers: str) -> httpx.Response:
    body = Problem(type=f"/problems/{name}", title="?", status=status, detail="No.").model_dump_json()
    return httpx.Response(status, content=body, headers={"content-type": "application/problem+json", **headers})


async def test_a_request_carries_its_token_and_no_key_where_repeating_it_is_safe() -> None:
    client = client_of(httpx.Response(200, json=ME), token="abc")

    await client.me()

    (request,) = client.seen
    assert request.headers["authorization"] == "Bearer abc"
    assert "idempotency-key" not in request.headers


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_passes_is_tried_again_under_the_same_key(status: int) -> None:
    client = client_of(problem(status, "not-ready"), httpx.Response(200, json={"ids": ["1"]}), token="abc")

    await client.events.publish("graph:add")

    first, second = client.seen
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content


async def test_two_calls_have_two_keys() -> None:
    client = client_of(*[httpx.Response(200, json={"ids": ["1"]})] * 2)

    await client.events.publish("graph:add")
    await client.events.publish("graph:add")

    assert len({request.headers["idempotency-key"] for request in client.seen}) == 2


async def test_pauses_grow_and_keep_to_what_the_hub_asks_for() -> None:
    pauses = Pauses()
    asked = problem(429, "rate-limited", **{"retry-after": "3"})
    client = client_of(
        problem(503, "not-ready"), asked, problem(503, "not-ready"), problem(503, "not-ready"), pauses=pauses
    )

    with pytest.raises(Unavailable):
        await client.me()

    assert pauses.taken == [0.2, 3.0, 0.8]


async def test_a_hub_that_asks_for_an_hour_is_given_the_longest_pause() -> None:
    pauses = Pauses()
    client = client_of(
        problem(429, "rate-limited", **{"retry-after": "3600"}), httpx.Response(200, json=ME), pauses=pauses
    )

    await client.me()

    assert pauses.taken == [5.0]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(403, "missing-scope"), MissingScope),
        (problem(404, "not-found"), NotFound),
        (problem(401, "invalid-token"), Unauthenticated),
        (httpx.Response(500, text="oops"), InvalidAnswer),
        (httpx.Response(200, text="<html>"), InvalidAnswer),
        (httpx.Response(404, text="{", headers={"content-type": "application/problem+json"}), InvalidAnswer),
        (httpx.Response(302, headers={"location": "/"}), InvalidAnswer),
        (httpx.ReadTimeout("late"), HubTimeout),
    ],
)
async def test_what_does_not_pass_is_not_tried_again(
    answer: httpx.Response | Exception, kind: type[LuminaError]
) -> None:
    client = client_of(answer)

    with pytest.raises(kind):
        await client.me()
    assert len(client.seen) == 1


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.ReadError("no"), httpx.RemoteProtocolError("no")],
)
async def test_a_broken_connection_is_tried_again_and_in_the_end_is_our_error(error: Exception) -> None:
    again = client_of(error, httpx.Response(200, json=ME))
    assert (await again.me()).id == "module:a"

    never = client_of(*[error] * 4)
    with pytest.raises(HubUnreachable):
        await never.me()
    assert len(never.seen) == 4


async def test_a_token_that_expired_is_read_again_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    source = FileToken(file)
    assert source.token() == "old"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer old":
            (tmp_path / "new").write_text("new")
            (tmp_path / "new").replace(file)
            return problem(401, "invalid-token")
        return httpx.Response(200, json=ME)

    client = HubClient("http://hub", token=source, transport=httpx.MockTransport(answer))

    assert (await client.me()).id == "module:a"


def test_a_token_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidEnvironment, match="cannot be read"):
        FileToken(tmp_path / "gone").token()


async def test_a_client_for_another_has_its_token_and_headers_and_the_same_connections() -> None:
    client = client_of(*[httpx.Response(200, json=ME)] * 2, token="mine")
    other = client.on_behalf_of("theirs", headers={"traceparent": "00-1-2-01"})

    await other.me()
    await other.aclose()
    await client.me()

    first, second = client.seen
    assert (first.headers["authorization"], first.headers["traceparent"]) == ("Bearer theirs", "00-1-2-01")
    assert second.headers["authorization"] == "Bearer mine"
    assert "traceparent" not in second.headers


async def test_an_error_in_a_stream_is_raised_after_what_came_before() -> None:
    said = Problem(type="/problems/rate-limited", title="?", status=429, detail="Slower.").model_dump_json()
    body = f'event: delta\ndata: {{"text":"a"}}\n\n: a comment\n\nevent: error\ndata: {said}\n\n'
    client = client_of(httpx.Response(200, text=body, headers={"content-type": "text/event-stream"}))
    pieces = client.ask_in_pieces("?")

    assert await anext(pieces) == ChatDelta(text="a")
    with pytest.raises(RateLimited):
        await anext(pieces)


async def test_a_refused_stream_is_a_refusal() -> None:
    client = client_of(problem(403, "missing-scope"))

    with pytest.raises(MissingScope):
        await anext(client.ask_in_pieces("?"))


async def test_a_client_speaks_over_a_unix_socket(tmp_path: Path) -> None:
    socket = tmp_path / "hub.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"id":"owner","kind":"owner","scopes":["admin:hub"]}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, socket)
    async with server, HubClient(socket=socket) as client:
        assert (await client.me()).id == "owner"


async def test_a_socket_nobody_listens_at_is_an_unreachable_hub(tmp_path: Path) -> None:
    async with HubClient(socket=tmp_path / "none.sock", retries=Retries(attempts=1)) as client:
        with pytest.raises(HubUnreachable):
            await client.me()


async def test_ids_cannot_leave_their_place_in_a_path() -> None:
    fake = FakeHub()

    with pytest.raises(NotFound):
        await fake.client("user:ada", ["read:graph"]).graph.article("../../me?x=#")

    assert fake.requests[0][1].startswith("GET /api/v1/graph/articles/")


async def test_an_answer_is_typed() -> None:
    answer = await FakeHub().client("user:ada", ["chat"]).ask("?")

    assert isinstance(answer, ChatAnswer)
