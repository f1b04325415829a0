from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from lumina_hub.metrics.registry import Metrics
from lumina_hub.middleware.request_log import RequestLog


async def broken(scope: object, receive: object, send: object) -> None:
    raise RuntimeError("the password is hunter2")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(metrics: Metrics) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(RequestLog(broken, metrics=metrics))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://hub")


async def test_a_mistake_of_ours_becomes_a_problem_and_a_line_in_the_log(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        response = await client.get("/secret-words?query=more-secret-words")

    assert response.status_code == 500
    assert "hunter2" not in response.text
    assert {line["event"] for line in lines} == {"request_failed", "request"}
    assert lines[0]["request_id"] == response.json()["request_id"]


async def test_the_log_names_no_path_and_no_query(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/secret-words?query=more-secret-words")

    assert "secret-words" not in repr(lines)


async def test_every_response_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/")).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("given", "kept"), [("trace-12345678", True), ("short", False), ("bad id\twith blanks", False)]
)
async def test_a_callers_request_id_is_kept_if_it_is_a_plain_word(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    response = await client.get("/", headers={"X-Request-ID": given})

    assert (response.headers["X-Request-ID"] == given) is kept


async def test_a_request_is_measured_by_its_route_and_status(client: httpx.AsyncClient, metrics: Metrics) -> None:
    await client.get("/")

    labels = {"route": "unmatched", "method": "GET", "status": "500"}
    assert metrics.registry.get_sample_value("lumina_http_request_seconds_count", labels) == 1
