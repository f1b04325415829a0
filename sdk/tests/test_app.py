from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import pytest
from fastapi import WebSocket
from prometheus_client import Counter
from pydantic import BaseModel, ValidationError

from lumina_sdk.app import Caller, Module
from lumina_sdk.contract import Event, Problem, SearchResponse
from lumina_sdk.errors import GiveUp, NotFound
from lumina_sdk.testing import FakeHub, run_module


class Saying(BaseModel):
    text: str
    weight: int = 1


class Article(BaseModel):
    source: str


def almanac() -> Module[Any]:
    """A module with one of everything."""
    module: Module[Any] = Module()
    module.met = []  # type: ignore[attr-defined]

    @module.endpoint("GET", "/api/v1/almanac/{day}")
    async def read(day: date, caller: Caller, loud: bool = False) -> Saying:
        return Saying(text=f"{day:%d.%m.}" + "!" * loud + caller.principal)

    @module.endpoint("POST", "/api/v1/almanac", status=201)
    async def add(saying: Saying) -> Saying:
        return saying

    @module.endpoint("DELETE", "/api/v1/almanac/{day}")
    async def remove(day: date) -> None: ...

    @module.endpoint("GET", "/api/v1/almanac/search/{words}")
    async def search(words: str, caller: Caller) -> SearchResponse:
        return await caller.hub.search(words)

    @module.endpoint("GET", "/api/v1/almanac/own/{words}")
    async def search_as_module(words: str) -> SearchResponse:
        return await module.hub.search(words)

    @module.endpoint("GET", "/api/v1/almanac/missing/{day}")
    async def missing(day: str) -> Saying:
        raise NotFound(f"There is no day {day!r}.", hint="Try another.")

    @module.endpoint("GET", "/api/v1/almanac/broken/{day}")
    async def broken(day: str) -> Saying:
        raise ZeroDivisionError("secret")

    @module.endpoint("GET", "/api/v1/almanac/all/days")
    async def every(count: int) -> AsyncIterator[Saying]:
        for n in range(count):
            yield Saying(text=str(n))

    @module.websocket("/api/v1/almanac/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    @module.on("graph:add")
    async def added(event: Event) -> None:
        module.met.append(event.id)  # type: ignore[attr-defined]

    @module.on("gap:req")
    async def gap(article: Article) -> None:
        module.met.append(article.source)  # type: ignore[attr-defined]

    @module.every(minutes=10)
    async def tidy() -> None:
        await module.hub.storage.put("tidied", True)

    return module


async def test_a_call_is_typed_by_its_annotations() -> None:
    async with run_module(almanac(), FakeHub()) as running, running.client("user:ada") as client:
        read = await client.get("/api/v1/almanac/2025-06-15", params={"loud": "yes"})
        added = await client.post("/api/v1/almanac", json={"text": "a"})
        removed = await client.delete("/api/v1/almanac/2025-06-15")

    assert read.json() == {"text": "15.06.!user:ada", "weight": 1}
    assert (added.status_code, added.json()) == (201, {"text": "a", "weight": 1})
    assert (removed.status_code, removed.content) == (204, b"")


async def test_a_malformed_call_is_a_problem_with_every_finding() -> None:
    async with run_module(almanac(), FakeHub()) as running, running.client() as client:
        response = await client.post("/api/v1/almanac", json={"weight": "heavy"})

    problem = Problem.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem.type, problem.status, problem.instance) == ("/problems/malformed-request", 422, "/api/v1/almanac")
    assert {finding.where for finding in problem.findings} == {"body.text", "body.weight"}


async def test_an_endpoint_answers_with_the_problem_it_raises() -> None:
    async with run_module(almanac(), FakeHub()) as running, running.client() as client:
        response = await client.get("/api/v1/almanac/missing/never")

    problem = Problem.model_validate_json(response.content)
    assert (problem.type, problem.status) == ("/problems/not-found", 404)
    assert (problem.detail, problem.hint) == ("There is no day 'never'.", "Try another.")


async def test_a_mistake_of_the_modules_is_logged_and_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    async with run_module(almanac(), FakeHub()) as running, running.client() as client:
        response = await client.get("/api/v1/almanac/broken/1")

    assert response.status_code == 500
    assert Problem.model_validate_json(response.content).request_id == "test"
    assert "secret" not in response.text
    assert "ZeroDivisionError: secret" in capsys.readouterr().err


async def test_a_call_without_the_hubs_token_never_reaches_the_code() -> None:
    async with run_module(almanac(), FakeHub()) as running:
        for headers in ({}, {"X-Lumina-Authorization": "Bearer a.b.c"}, {"Authorization": "Bearer a.e30.c"}):
            async with running.stranger() as client:
                response = await client.get("/api/v1/almanac/broken/1", headers=headers)

            assert response.status_code == 401


async def test_a_module_does_for_a_caller_no_more_than_the_caller_may_do() -> None:
    hub = FakeHub()
    hub.add_article("Ada Lovelace", "Ada wrote notes.")
    starting = run_module(almanac(), hub, scopes=["read:vector_store"])
    async with starting as running, running.client("user:ada", ["chat"]) as client:
        as_caller = await client.get("/api/v1/almanac/search/notes")
        as_module = await client.get("/api/v1/almanac/own/notes")

    problem = Problem.model_validate_json(as_caller.content)
    assert (problem.status, problem.missing_scope) == (403, "read:vector_store")
    assert len(as_module.json()["hits"]) == 1
    assert hub.requests == [("user:ada", "POST /api/v1/search"), ("module:tested", "POST /api/v1/search")]


async def test_an_async_generator_is_sent_as_server_sent_events() -> None:
    async with run_module(almanac(), FakeHub()) as running, running.client() as client:
        response = await client.get("/api/v1/almanac/all/days", params={"count": 2})

    assert response.headers["content-type"].startswith("text/event-stream")
    assert [line for line in response.text.splitlines() if line.startswith("data:")] == [
        'data: {"text":"0","weight":1}',
        'data: {"text":"1","weight":1}',
    ]


async def test_an_event_is_given_whole_or_as_a_model_of_its_data() -> None:
    module = almanac()
    async with run_module(module, FakeHub()) as running:
        event = await running.deliver("graph:add", {"source": "Q1"})
        await running.deliver("gap:req", {"source": "Q2"})
        with pytest.raises(ValidationError):
            await running.deliver("gap:req", {"from": "Q2"})

    assert module.met == [event.id, "Q2"]


async def test_a_job_is_run_when_the_hub_says_so_and_only_then() -> None:
    hub = FakeHub()
    async with run_module(almanac(), hub) as running, running.stranger() as client:
        assert (await client.post("/_lumina/schedule/unknown")).status_code == 404
        assert not hub.requests
        assert (await client.post("/_lumina/schedule/tidy")).status_code == 204

    assert hub.requests == [("module:tested", "PUT /api/v1/storage/values/tidied")]


async def test_a_job_that_fails_is_a_problem_and_runs_again_at_its_next_time() -> None:
    module: Module[Any] = Module()
    runs = []

    @module.cron("0 3 * * *")
    async def nightly() -> None:
        runs.append(1)
        raise ZeroDivisionError

    async with run_module(module, FakeHub()) as running, running.stranger() as client:
        first = await client.post("/_lumina/schedule/nightly")
        second = await client.post("/_lumina/schedule/nightly")

    assert Problem.model_validate_json(first.content).type == "/problems/job-failed"
    assert (first.status_code, second.status_code, len(runs)) == (500, 500, 2)


async def test_settings_are_typed_and_checked_before_anything_starts() -> None:
    class Settings(BaseModel):
        language: str
        days: int = 7

    started = []
    module = Module(config=Settings)

    @module.lifespan
    async def living() -> AsyncIterator[None]:
        started.append(module.config.days)
        yield

    with pytest.raises(RuntimeError, match="does not run yet"):
        _ = module.config
    async with run_module(module, FakeHub(), config={"language": "en"}):
        assert module.config == Settings(language="en")
    with pytest.raises(ValidationError, match="days"):
        await run_module(module, FakeHub(), config={"days": "many"}).__aenter__()
    assert started == [7]


async def test_what_lifespan_opens_is_closed_in_the_other_order() -> None:
    module: Module[Any] = Module()
    said = []

    def living(name: str) -> Callable[[], AsyncIterator[None]]:
        async def life() -> AsyncIterator[None]:
            said.append(f"{name} opens")
            yield
            said.append(f"{name} closes")

        return life

    module.lifespan(living("first"))
    module.lifespan(living("second"))
    async with run_module(module, FakeHub()):
        said.append("running")

    assert said == ["first opens", "second opens", "running", "second closes", "first closes"]


async def test_health_is_what_the_module_says() -> None:
    module: Module[Any] = Module()
    wrong: list[str] = []

    @module.health
    async def how() -> str | None:
        if wrong:
            raise RuntimeError(wrong[0])
        return "3 days kept"

    async with run_module(module, FakeHub()) as running, running.stranger() as client:
        well = await client.get("/_lumina/health")
        wrong.append("no days left")
        ill = await client.get("/_lumina/health")

    assert (well.status_code, well.json()) == (200, {"healthy": True, "detail": "3 days kept"})
    assert (ill.status_code, ill.json()) == (503, {"healthy": False, "detail": "no days left"})


async def test_metrics_are_the_modules_own_and_those_every_module_has() -> None:
    module = almanac()
    days = Counter("almanac_days", "Days", registry=module.metrics)
    days.inc(3)
    async with run_module(module, FakeHub()) as running, running.client() as client:
        await client.get("/api/v1/almanac/2025-06-15")
        await client.get("/api/v1/almanac/2025-06-16")
        text = (await client.get("/_lumina/metrics")).text

    assert "almanac_days_total 3.0" in text
    assert 'lumina_module_requests_total{method="GET",path="/api/v1/almanac/{day}",status="200"} 2.0' in text


async def test_the_module_describes_its_endpoints_for_the_hubs_document() -> None:
    async with run_module(almanac(), FakeHub()) as running, running.stranger() as client:
        described = (await client.get("/_lumina/openapi")).json()

    assert "/api/v1/almanac/{day}" in described["paths"]
    assert "Saying" in described["components"]["schemas"]
    assert not any(path.startswith("/_lumina") for path in described["paths"])


def test_the_module_says_where_what_it_declares_stands() -> None:
    found = almanac().inspection()

    assert ("GET", "/api/v1/almanac/live") in {(one.method, one.path) for one in found.endpoints}
    assert {one.stream for one in found.handlers} == {"graph:add", "gap:req"}
    assert [(job.name, job.every, job.cron) for job in found.jobs] == [("tidy", "10m", None)]
    assert all(one.file == __file__ and one.line for one in (*found.endpoints, *found.handlers, *found.jobs))


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda module: module.endpoint("FETCH", "/api/v1/a"), "not a valid Method"),
        (lambda module: module.endpoint("GET", "/a"), "is no path"),
        (lambda module: module.websocket("/api/v1/{a}"), "is no path"),
        (lambda module: module.on("Graph add"), "is no name of a stream"),
        (lambda module: module.every(), "give one of"),
        (lambda module: module.every(minutes=1, hours=1), "give one of"),
        (lambda module: module.cron("often"), "is no cron line"),
    ],
)
def test_what_could_not_stand_in_a_manifest_cannot_be_declared(
    declare: Callable[[Module[Any]], object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        declare(Module())


def test_a_handler_takes_an_event_or_a_model_and_is_async() -> None:
    module: Module[Any] = Module()

    def not_async(event: Event) -> None: ...
    async def no_argument() -> None: ...
    async def not_annotated(event) -> None: ...  # type: ignore[no-untyped-def]
    async def a_text(event: str) -> None: ...

    for function in (not_async, no_argument, not_annotated, a_text):
        with pytest.raises(TypeError):
            module.on("graph:add")(function)
    with pytest.raises(TypeError):
        module.every(minutes=1)(not_async)
    assert not module.handlers


def test_a_stream_has_one_handler() -> None:
    module = almanac()

    async def other(event: Event) -> None: ...

    with pytest.raises(ValueError, match="has a handler already"):
        module.on("graph:add")(other)


def test_giving_up_has_a_reason() -> None:
    assert str(GiveUp("no such article")) == "no such article"
