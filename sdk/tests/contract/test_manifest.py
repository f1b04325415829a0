from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lumina_sdk.contract import Manifest, Method, manifest_schema, parameters_of, path_shape

ENDPOINT: dict[str, Any] = {
    "path": "/api/v1/my-feature",
    "method": "POST",
    "description": "Do it.",
    "scopes": ["read:vector_store"],
}
GOOD: dict[str, Any] = {
    "name": "my-module",
    "version": "0.1.0",
    "description": "A module.",
    "api_version": "1.0",
    "dependencies": ["lumina-core >= 0.1.0", "other-module >= 0.2.0"],
    "endpoints": [ENDPOINT | {"mcp": True, "timeout_s": 30}],
    "permissions": ["read:vector_store", "write:chat_history"],
    "events": {"publishes": ["my-module:done"], "subscribes": ["graph:add"]},
    "schedule": [{"name": "tidy", "every": "10m"}, {"name": "nightly", "cron": "0 3 * * *"}],
    "config_schema": {"type": "object"},
    "entrypoint": "lumina_my_module.app:module",
}


def errors(**changes: Any) -> list[tuple[tuple[int | str, ...], str, str]]:
    """Place, type and hint of every error of the good manifest with `changes`."""
    with pytest.raises(ValidationError) as caught:
        Manifest.model_validate(GOOD | changes)
    return [(error["loc"], error["type"], error.get("ctx", {}).get("hint", "")) for error in caught.value.errors()]


def test_the_manifest_of_the_design_is_read() -> None:
    manifest = Manifest.model_validate(GOOD)

    assert manifest.endpoints[0].method is Method.POST
    assert [str(requirement) for requirement in manifest.requirements] == ["lumina-core>=0.1.0", "other-module>=0.2.0"]
    assert manifest.permission_set.covers_all(frozenset({"read:vector_store", "write:chat_history"}))


def test_it_survives_the_wire() -> None:
    manifest = Manifest.model_validate(GOOD)

    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_everything_that_is_wrong_is_said_at_once_with_its_place() -> None:
    found = errors(name="My Module", version="1", endpoints=[ENDPOINT | {"path": "/x", "tiemout_s": 1}], permisions=[])

    assert [(place, code) for place, code, _ in found] == [
        (("name",), "slug"),
        (("version",), "semver"),
        (("endpoints", 0, "path"), "path"),
        (("endpoints", 0, "tiemout_s"), "extra_forbidden"),
        (("permisions",), "extra_forbidden"),
    ]


def test_keys_of_ones_own_are_passed_over_wherever_they_stand() -> None:
    manifest = Manifest.model_validate(GOOD | {"x-owner": "ada", "endpoints": [ENDPOINT | {"x-note": 1}]})

    assert "x-owner" not in manifest.model_dump()


@pytest.mark.parametrize("name", ["my_module", "My", "-a", "a-", "a--b", "1a", "", "a" * 41, "lumina-core"])
def test_a_name_is_lower_case_with_dashes_and_not_luminas_own(name: str) -> None:
    assert [code for _, code, _ in errors(name=name)] == ["slug"]


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0.1", "", "1.0.0-crazy.7"])
def test_a_version_is_semver_that_a_package_can_have_too(version: str) -> None:
    ((place, code, hint),) = errors(version=version)

    assert (place, code) == (("version",), "semver")
    assert hint


@pytest.mark.parametrize("version", ["0.1.0", "10.20.30", "1.0.0-rc.1", "1.0.0-alpha.2", "1.0.0+build.5"])
def test_semver_versions_are_read(version: str) -> None:
    assert Manifest.model_validate(GOOD | {"version": version}).version == version


@pytest.mark.parametrize(
    "text",
    ["", "a ==", "other module", "requests[socks]", "a; python_version < '4'", "a @ https://a.example/a", "Numpy"],
)
def test_a_dependency_is_a_name_and_versions(text: str) -> None:
    ((place, code, hint),) = errors(dependencies=[text])

    assert (place, code) == (("dependencies", 0), "dependency")
    assert hint


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/",
        "/api/v2/a",
        "api/v1/a",
        "/api/v1/a/",
        "/api/v1//a",
        "/api/v1/../a",
        "/api/v1/a b",
        "/api/v1/a%2fb",
        "/api/v1/a?b=c",
        "/api/v1/{name}",
        "/api/v1/a/{Name}",
        "/api/v1/a/pre{name}",
        "/api/v1/a/{a}{b}",
        "/api/v1/a/{a}/{a}",
        "/api/v1/a/{a:path}",
    ],
)
def test_a_path_is_plain_parts_and_parameters_under_the_api(path: str) -> None:
    assert [code for _, code, _ in errors(endpoints=[ENDPOINT | {"path": path}])] == ["path"]


def test_a_path_has_parameters_and_a_shape() -> None:
    assert parameters_of("/api/v1/a/{b}/{c}") == ("b", "c")
    assert path_shape("/api/v1/a/{b}/{c}") == path_shape("/api/v1/a/{x}/{y}")


def test_two_endpoints_of_one_method_and_shape_collide() -> None:
    one, other = ENDPOINT | {"path": "/api/v1/a/{b}"}, ENDPOINT | {"path": "/api/v1/a/{c}"}

    assert [(place, code) for place, code, _ in errors(endpoints=[one, other])] == [(("endpoints", 1), "twice")]
    assert len(Manifest.model_validate(GOOD | {"endpoints": [one, other | {"method": "GET"}]}).endpoints) == 2


def test_an_endpoint_names_a_scope() -> None:
    assert [(place, code) for place, code, _ in errors(endpoints=[ENDPOINT | {"scopes": []}])] == [
        (("endpoints", 0, "scopes"), "too_short")
    ]


def test_a_websocket_is_opened_with_get() -> None:
    assert [code for _, code, _ in errors(endpoints=[ENDPOINT | {"websocket": True}])] == ["websocket"]


@pytest.mark.parametrize("changes", [{"url": "https://a.example"}, {"entrypoint": None}])
def test_a_module_runs_here_or_elsewhere_and_not_both(changes: dict[str, Any]) -> None:
    assert [code for _, code, _ in errors(**changes)] == ["entrypoint"]


@pytest.mark.parametrize("entrypoint", ["app", "a.b:", ":a", "a-b:c", "a.b:c.d", "a.b:c()"])
def test_an_entrypoint_is_a_python_file_and_a_name_in_it(entrypoint: str) -> None:
    assert [place for place, _, _ in errors(entrypoint=entrypoint)] == [("entrypoint",)]


@pytest.mark.parametrize("url", ["ftp://a", "https://user:pw@a.example", "https://a.example/?q", "//a"])
def test_a_url_carries_no_secrets_and_no_query(url: str) -> None:
    assert [place for place, _, _ in errors(entrypoint=None, url=url)] == [("url",)]


@pytest.mark.parametrize("version", ["2.0", "1.9", "1", "0.9", "one", ""])
def test_a_contract_that_is_not_spoken_here_is_refused(version: str) -> None:
    assert [code for _, code, _ in errors(api_version=version)] == ["api_version"]


@pytest.mark.parametrize("entry", [{"name": "a"}, {"name": "a", "every": "10m", "cron": "* * * * *"}])
def test_a_schedule_entry_has_a_cron_line_or_an_interval(entry: dict[str, str]) -> None:
    assert [code for _, code, _ in errors(schedule=[entry])] == ["schedule"]


def test_a_module_declares_scopes_that_bear_its_name() -> None:
    def own(name: str) -> dict[str, Any]:
        return {"scopes": [{"name": name, "description": "See it."}]}

    assert Manifest.model_validate(GOOD | own("read:my-module")).own_scopes == ("read:my-module",)
    assert Manifest.model_validate(GOOD | own("admin:my-module.alarms")).permission_set.covers("admin:my-module.alarms")
    for foreign in ("read:graph", "read:my-modules", "read:other.my-module", "admin:hub", "chat"):
        assert [code for _, code, _ in errors(**own(foreign))] == ["own_scope"]


def test_the_schema_is_json_schema_and_knows_every_key() -> None:
    schema = manifest_schema()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(GOOD) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert schema["patternProperties"] == {"^x-": True}
    assert {"entrypoint", "path", "dependencies"} <= set(str(schema).replace("'", " ").split())
