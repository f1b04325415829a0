from __future__ import annotations

import httpx
import pytest

from lumina_core import errors as core
from lumina_hub import errors as hub
from lumina_hub.app import create_app
from lumina_hub.problems import PROBLEM_TYPES, problem_of, type_of
from lumina_hub.settings import Settings


def tree(base: type[Exception]) -> list[type[Exception]]:
    return [kind for child in base.__subclasses__() for kind in (child, *tree(child))]


OURS = [kind for base in (core.CoreError, hub.HubError) for kind in tree(base) if kind.__module__.startswith("lumina")]


@pytest.fixture
async def client(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(settings)), base_url="http://hub")


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_a_problem_of_its_own(kind: type[Exception]) -> None:
    assert type_of(kind.__new__(kind)).name != "internal-error"


def test_every_problem_has_a_name_of_its_own() -> None:
    names = [problem.name for problem in PROBLEM_TYPES]

    assert len(set(names)) == len(names)


def test_a_problem_says_what_happened_and_what_to_do() -> None:
    problem = problem_of(core.NotFound("no article 'art_1'", hint="List them."), instance="/x", request_id="r")

    assert (problem.type, problem.status, problem.detail) == ("/problems/not-found", 404, "No article 'art_1'.")
    assert (problem.hint, problem.instance, problem.request_id) == ("List them.", "/x", "r")


def test_a_foreign_error_is_not_described_to_the_caller() -> None:
    problem = problem_of(RuntimeError("the password is hunter2"))

    assert problem.status == 500
    assert "hunter2" not in problem.model_dump_json()


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/nothing")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == "/problems/unknown-route"
    assert body["instance"] == "/api/v1/nothing"
    assert body["request_id"] == response.headers["X-Request-ID"]


async def test_a_wrong_method_is_a_problem_that_lists_the_right_ones(client: httpx.AsyncClient) -> None:
    response = await client.delete("/livez")

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET"
    assert response.json()["type"] == "/problems/method-not-allowed"


async def test_before_the_hub_is_open_a_guarded_route_is_not_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/status")

    assert response.status_code == 503
    assert response.json()["type"] == "/problems/not-ready"
    assert response.headers["Retry-After"]
