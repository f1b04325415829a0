"""What the gateway does with a request, with modules in process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from lumina_hub.gateway.asgi_upstream import AsgiUpstream
from lumina_hub.gateway.gateway import Gateway
from lumina_hub.gateway.metrics import GatewayMetrics
from lumina_hub.gateway.table import RouteTable
from lumina_hub.gateway.upstream import UpstreamRequest

from .conftest import READ, Clock, Guard, InProcess, Issuer, behind, endpoint, hello, routes

PATH = "/api/v1/almanac"


def header(request: UpstreamRequest, name: bytes) -> list[bytes]:
    return [value for key, value in request.headers if key == name]


async def test_a_request_reaches_the_module_and_its_answer_the_caller(inside: InProcess) -> None:
    inside.serve(endpoint())

    response = await inside.client.get(PATH, params={"day": "monday"})

    assert (response.status_code, response.text) == (200, "hello")
    assert inside.upstreams["almanac"].requests[0].target == b"/api/v1/almanac?day=monday"


@pytest.mark.parametrize("path", ["/api/v1/almanac/more", "/api/v1/chat", "/", "/almanac"])
async def test_what_no_module_has_is_passed_on(inside: InProcess, path: str) -> None:
    inside.serve(endpoint())

    response = await inside.client.get(path)

    assert response.headers["x-who"] == "hub"


async def test_nobody_is_let_in_without_a_token(inside: InProcess) -> None:
    inside.serve(endpoint())

    response = await inside.client.get(PATH, headers={"Authorization": ""})

    assert response.status_code == 401
    assert response.json()["type"] == "/problems/unauthenticated"
    assert inside.upstreams["almanac"].requests == []


async def test_a_refused_request_never_reaches_the_module(inside: InProcess) -> None:
    inside.serve(endpoint())

    response = await inside.client.get(PATH, headers={"Authorization": "Bearer ada:read:graph"})

    assert response.status_code == 403
    assert response.json()["missing_scope"] == READ
    assert inside.upstreams["almanac"].requests == []


async def test_the_callers_credentials_stay_here_and_the_module_gets_a_token_of_its_own(inside: InProcess) -> None:
    inside.serve(endpoint())

    await inside.client.get(PATH, headers={"Cookie": "lumina_session=secret", "X-Lumina-Authorization": "forged"})

    request = inside.upstreams["almanac"].requests[0]
    assert header(request, b"authorization") == header(request, b"cookie") == []
    assert header(request, b"x-lumina-authorization") == [b"Bearer ada through almanac may read:almanac"]


async def test_request_id_and_trace_go_with_the_request(inside: InProcess) -> None:
    inside.serve(endpoint())

    response = await inside.client.get(PATH, headers={"X-Request-ID": "trace-12345678"})

    request = inside.upstreams["almanac"].requests[0]
    assert header(request, b"x-request-id") == [b"trace-12345678"]
    assert response.headers["X-Request-ID"] == "trace-12345678"
    assert len(header(request, b"traceparent")) == 1


async def test_a_wrong_method_names_the_right_ones(inside: InProcess) -> None:
    inside.serve(endpoint(), endpoint(method="PUT"))

    response = await inside.client.delete(PATH)

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, PUT"
    assert response.json()["type"] == "/problems/method-not-allowed"


@pytest.mark.parametrize("raw", ["/api/v1/almanac%2f..", "/api/v1//almanac", "/api/v1/chat%00"])
async def test_a_path_with_two_readings_is_refused_wherever_it_would_lead(inside: InProcess, raw: str) -> None:
    inside.serve(endpoint())

    response = await inside.client.get(httpx.URL("http://hub", raw_path=raw.encode()))

    assert response.status_code == 400
    assert response.json()["type"] == "/problems/ambiguous-path"


async def test_a_body_over_the_endpoints_limit_is_refused(inside: InProcess) -> None:
    inside.serve(endpoint(method="POST", body_limit_bytes=10))

    assert (await inside.client.post(PATH, content=b"x" * 10)).status_code == 200
    response = await inside.client.post(PATH, content=b"x" * 11)

    assert response.status_code == 413
    assert response.headers["Connection"] == "close"
    assert len(inside.upstreams["almanac"].requests) == 1


async def test_the_hubs_limit_holds_where_the_manifest_has_none(inside: InProcess) -> None:
    inside.serve(endpoint(method="POST"))

    assert (await inside.client.post(PATH, content=b"x" * 262_145)).status_code == 413


async def test_calls_over_the_rate_are_told_when_to_come_back(inside: InProcess, clock: Clock) -> None:
    inside.serve(endpoint(rate_limit_per_min=2))

    statuses = [(await inside.client.get(PATH)).status_code for _ in range(3)]
    refused = await inside.client.get(PATH)
    other = await inside.client.get(PATH, headers={"Authorization": f"Bearer grace:{READ}"})
    clock.now_s += float(refused.headers["Retry-After"])

    assert statuses == [200, 200, 429]
    assert refused.headers["Retry-After"] == "30"
    assert refused.json()["type"] == "/problems/rate-limited"
    assert other.status_code == 200
    assert (await inside.client.get(PATH)).status_code == 200


async def test_calls_over_the_concurrency_are_refused_until_one_has_ended(inside: InProcess) -> None:
    inside_now, go = asyncio.Semaphore(0), asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        inside_now.release()
        await go.wait()
        await hello(scope, receive, send)

    inside.serve(endpoint(max_concurrency=2), app=waits)
    calls = [asyncio.create_task(inside.client.get(PATH)) for _ in range(2)]
    for _ in calls:
        await inside_now.acquire()
    refused = await inside.client.get(PATH)
    go.set()

    assert refused.status_code == 503
    assert refused.json()["type"] == "/problems/module-busy"
    assert refused.json()["module"] == "almanac"
    assert refused.headers["Retry-After"] == "1"
    assert [(await call).status_code for call in calls] == [200, 200]
    assert (await inside.client.get(PATH)).status_code == 200


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize(("app", "status", "kind"), [(silent, 504, "module-timeout"), (broken, 502, "module-failed")])
async def test_a_module_that_cannot_answer_is_named(inside: InProcess, app: Any, status: int, kind: str) -> None:
    inside.serve(endpoint(timeout_s=0.05), app=app)

    with capture_logs() as lines:
        response = await inside.client.get(PATH, headers={"X-Request-ID": "trace-12345678"})

    problem = response.json()
    assert (response.status_code, problem["type"]) == (status, f"/problems/{kind}")
    assert problem["module"] == "almanac"
    assert "'almanac'" in problem["detail"]
    assert problem["request_id"] == "trace-12345678"
    assert [(line["event"], line["module"]) for line in lines] == [("module_failed", "almanac")]


async def test_an_endpoint_that_keeps_failing_is_left_alone_and_tried_again(inside: InProcess, clock: Clock) -> None:
    well = False

    async def sick(scope: Scope, receive: Receive, send: Send) -> None:
        if not well:
            raise RuntimeError("on purpose")
        await hello(scope, receive, send)

    inside.serve(endpoint(), endpoint("/api/v1/almanac/other"), app=sick)
    for _ in range(5):
        assert (await inside.client.get(PATH)).status_code == 502
    asked = len(inside.upstreams["almanac"].requests)
    left_alone = await inside.client.get(PATH)

    assert left_alone.status_code == 503
    assert left_alone.json()["type"] == "/problems/module-unreachable"
    assert left_alone.headers["Retry-After"] == "1"
    assert len(inside.upstreams["almanac"].requests) == asked
    assert (await inside.client.get("/api/v1/almanac/other")).status_code == 502  # endpoints fail alone

    well = True
    clock.now_s += 1
    assert (await inside.client.get(PATH)).status_code == 200
    assert (await inside.client.get(PATH)).status_code == 200


async def test_a_modules_own_error_status_is_its_answer_and_no_failure(inside: InProcess) -> None:
    async def angry(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"my fault"})

    inside.serve(endpoint(), app=angry)

    assert [(await inside.client.get(PATH)).text for _ in range(8)] == ["my fault"] * 8


async def test_requests_are_counted_by_module_endpoint_and_status(
    inside: InProcess, registry: CollectorRegistry
) -> None:
    async def odd(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": int(scope["path"].rpartition("/")[2]), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    inside.serve(endpoint("/api/v1/almanac/{day}"), app=odd)
    for status in (200, 200, 404, 799, 798):
        await inside.client.get(f"{PATH}/{status}")
    await inside.client.get(f"{PATH}/x", headers={"Authorization": ""})

    def count(status: str) -> float | None:
        labels = {"module": "almanac", "endpoint": "GET /api/v1/almanac/{day}", "status": status}
        return registry.get_sample_value("lumina_module_requests_total", labels)

    assert [count(status) for status in ("200", "404", "other", "401", "799")] == [2, 1, 2, 1, None]


async def test_before_it_is_open_the_gateway_says_that_the_hub_is_not_ready(registry: CollectorRegistry) -> None:
    gateway = Gateway(GatewayMetrics(registry), connect=lambda slug, _: AsgiUpstream(slug, hello))
    gateway.replace(RouteTable([routes(endpoint())]))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(gateway.in_front_of(behind)), base_url="http://hub")

    response = await client.get(PATH)

    assert response.status_code == 503
    assert response.json()["type"] == "/problems/not-ready"


async def test_a_request_under_way_ends_where_it_began_when_the_table_changes(registry: CollectorRegistry) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def old(scope: Scope, receive: Receive, send: Send) -> None:
        began.set()
        await go.wait()
        await hello(scope, receive, send)

    async def new(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"new"})

    apps = {"http://old": AsgiUpstream("almanac", old), "http://new": AsgiUpstream("almanac", new)}
    gateway = Gateway(GatewayMetrics(registry), connect=lambda _, address: apps[str(address)])
    gateway.open(Guard(), Issuer())
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway.in_front_of(behind)),
        base_url="http://hub",
        headers={"Authorization": f"Bearer ada:{READ}"},
    )
    gateway.replace(RouteTable([routes(endpoint(), address="http://old")]))
    under_way = asyncio.create_task(client.get(PATH))
    await began.wait()

    gateway.replace(RouteTable([routes(endpoint(), address="http://new")]))
    after = await client.get(PATH)
    assert after.text == "new"
    assert not apps["http://old"].closed

    go.set()
    assert (await under_way).text == "hello"
    await asyncio.sleep(0)
    assert apps["http://old"].closed
    assert not apps["http://new"].closed
    await gateway.close()
    assert apps["http://new"].closed


async def test_what_stays_the_same_keeps_its_connections_and_its_limits(inside: InProcess) -> None:
    inside.serve(endpoint(rate_limit_per_min=1))
    await inside.client.get(PATH)
    upstream = inside.upstreams["almanac"]

    inside.gateway.replace(RouteTable([routes(endpoint(rate_limit_per_min=1), endpoint("/api/v1/almanac/new"))]))

    assert inside.upstreams["almanac"] is upstream
    assert (await inside.client.get(PATH)).status_code == 429
    assert (await inside.client.get("/api/v1/almanac/new")).status_code == 200


async def test_a_module_that_is_gone_is_not_found(inside: InProcess) -> None:
    inside.serve(endpoint())
    inside.gateway.replace(RouteTable())

    assert (await inside.client.get(PATH)).headers["x-who"] == "hub"
