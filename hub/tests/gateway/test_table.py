from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.errors import Conflict
from lumina_hub.gateway.table import ModuleRoutes, Route, RouteTable, overlap

from .conftest import endpoint, routes


def found(table: RouteTable, method: str, path: str) -> str | None:
    route = table.match(method, path)
    return route.endpoint.path if isinstance(route, Route) else route


def test_a_path_is_found_by_its_method() -> None:
    table = RouteTable([routes(endpoint("/api/v1/a"), endpoint("/api/v1/a", "POST"))])

    assert found(table, "GET", "/api/v1/a") == found(table, "POST", "/api/v1/a") == "/api/v1/a"


@pytest.mark.parametrize("path", ["/api/v1/a", "/api/v1/a/7"])
def test_a_wrong_method_is_told_the_right_ones(path: str) -> None:
    table = RouteTable(
        [routes(*(endpoint(each, method) for each in ("/api/v1/a", "/api/v1/a/{id}") for method in ("GET", "POST")))]
    )

    assert table.match("DELETE", path) == "GET, HEAD, POST"


def test_a_get_answers_head() -> None:
    assert found(RouteTable([routes(endpoint("/api/v1/a"))]), "HEAD", "/api/v1/a") == "/api/v1/a"


@pytest.mark.parametrize("path", ["/", "", "/api/v1", "/api/v1/a/", "/api/v1/a/b/c", "/api/v1/a//", "/api/v1/b"])
def test_what_nobody_declared_is_not_found(path: str) -> None:
    table = RouteTable([routes(endpoint("/api/v1/a"), endpoint("/api/v1/a/{id}"))])

    assert table.match("GET", path) is None


def test_a_parameter_is_one_segment_that_is_not_empty() -> None:
    table = RouteTable([routes(endpoint("/api/v1/a/{day}/notes"))])

    assert found(table, "GET", "/api/v1/a/monday/notes") == "/api/v1/a/{day}/notes"
    assert table.match("GET", "/api/v1/a//notes") is None
    assert table.match("GET", "/api/v1/a/mon/day/notes") is None


def test_a_literal_segment_goes_before_a_parameter() -> None:
    table = RouteTable([routes(endpoint("/api/v1/a/{id}"), endpoint("/api/v1/a/latest"))])

    assert found(table, "GET", "/api/v1/a/latest") == "/api/v1/a/latest"
    assert found(table, "GET", "/api/v1/a/7") == "/api/v1/a/{id}"


def test_a_method_only_the_parameter_has_is_found_beside_a_literal() -> None:
    table = RouteTable([routes(endpoint("/api/v1/a/{id}", "DELETE"), endpoint("/api/v1/a/latest"))])

    assert found(table, "DELETE", "/api/v1/a/latest") == "/api/v1/a/{id}"
    assert table.match("POST", "/api/v1/a/latest") == "DELETE, GET, HEAD"


def test_the_walk_goes_back_where_a_literal_leads_nowhere() -> None:
    table = RouteTable([routes(endpoint("/api/v1/a/b/{x}/d"), endpoint("/api/v1/a/{y}/c"))])

    assert found(table, "GET", "/api/v1/a/b/c") == "/api/v1/a/{y}/c"


def test_a_websocket_is_apart_from_a_get() -> None:
    table = RouteTable([routes(endpoint("/api/v1/a", websocket=True))])

    assert found(table, "WEBSOCKET", "/api/v1/a") == "/api/v1/a"
    assert table.match("GET", "/api/v1/a") == ""


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("/api/v1/a", "/api/v1/a"),
        ("/api/v1/a/{id}", "/api/v1/a/latest"),
        ("/api/v1/a/latest", "/api/v1/a/{id}"),
        ("/api/v1/a/{x}/c", "/api/v1/a/b/{y}"),
    ],
)
def test_two_modules_cannot_share_a_path(one: str, another: str) -> None:
    with pytest.raises(Conflict, match="'first' and 'second'"):
        RouteTable([routes(endpoint(one), slug="first"), routes(endpoint(another, "POST"), slug="second")])


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/api/v1/graph/articles/mine", "/api/v1/graph/articles/{article_id}"),
        ("/api/v1/graph/{anything}", "/api/v1/graph/articles"),
        ("/api/v1/storage/files/a/b", "/api/v1/storage/files/{path:path}"),
    ],
)
def test_a_module_cannot_take_the_hubs_own_path(path: str, own: str) -> None:
    with pytest.raises(Conflict, match="the hub's own"):
        RouteTable([routes(endpoint(path))], reserved=[own])


def test_a_module_cannot_declare_an_endpoint_twice() -> None:
    with pytest.raises(Conflict, match="twice"):
        RouteTable([routes(endpoint("/api/v1/a/{x}"), endpoint("/api/v1/a/{y}"))])


segments = st.sampled_from(["a", "b", "c", "{x}"])
templates = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
paths = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def matches(template: str, path: str) -> bool:
    parts, given = template.split("/"), path.split("/")
    return len(parts) == len(given) and all(
        part == segment or part == "{x}" for part, segment in zip(parts, given, strict=True)
    )


@given(st.lists(templates, unique=True, max_size=6), paths)
def test_what_is_found_matches_and_what_matches_is_found(declared: list[str], path: str) -> None:
    entries = tuple(endpoint("/api/v1/x").model_copy(update={"path": template}) for template in declared)
    table = RouteTable([ModuleRoutes("almanac", "http://nowhere", entries)])
    fitting = {template for template in declared if matches(template, path)}

    route = found(table, "GET", path)

    assert route in fitting if fitting else route is None


@given(templates, templates, paths)
def test_templates_that_match_one_path_overlap(one: str, another: str, path: str) -> None:
    if matches(one, path) and matches(another, path):
        assert overlap(one, another)
