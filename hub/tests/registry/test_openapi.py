"""How modules' endpoints stand in the hub's description."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lumina_hub.registry.openapi import describe_modules
from lumina_sdk.contract.manifest import Manifest

ENDPOINT = {"path": "/api/v1/almanac/{day}", "method": "GET", "description": "Tell a day.", "scopes": ["read:almanac"]}


def manifest(**endpoint: Any) -> Manifest:
    return Manifest.model_validate(
        {
            "name": "almanac",
            "version": "0.1.0",
            "description": "Days.",
            "api_version": "1.0",
            "endpoints": [{**ENDPOINT, **endpoint}],
            "scopes": [{"name": "read:almanac", "description": "Read days."}],
            "entrypoint": "lumina_almanac.app:module",
        }
    )


def described(said: Any, **endpoint: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"paths": {}, "components": {"schemas": {"Problem": {}, "Day": {"title": "the hub's"}}}}
    describe_modules(document, [manifest(**endpoint)], {"almanac": said})
    return document


def test_the_manifest_says_whom_an_endpoint_lets_in_whatever_the_module_says():
    said = {"paths": {"/api/v1/almanac/{day}": {"get": {"security": [], "x-required-scopes": [], "tags": ["core"]}}}}

    operation = described(said)["paths"]["/api/v1/almanac/{day}"]["get"]

    assert operation["x-required-scopes"] == ["read:almanac"]
    assert operation["security"] == [{"bearer": ["read:almanac"]}]
    assert operation["tags"] == ["almanac"]
    assert operation["parameters"] == [{"name": "day", "in": "path", "required": True, "schema": {"type": "string"}}]


def test_a_modules_schemas_take_nobodys_place():
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Day"}}}, "description": "It."}
    said = {
        "paths": {"/api/v1/almanac/{day}": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": {"Day": {"properties": {"next": {"$ref": "#/components/schemas/Day"}}}}},
    }

    document = described(said)

    assert document["components"]["schemas"]["Day"] == {"title": "the hub's"}
    assert document["components"]["schemas"]["almanac.Day"]["properties"]["next"] == {
        "$ref": "#/components/schemas/almanac.Day"
    }
    assert "schemas/almanac.Day" in json.dumps(document["paths"]["/api/v1/almanac/{day}"]["get"]["responses"]["200"])


def test_endpoints_the_manifest_does_not_name_are_not_described():
    said = {"paths": {"/api/v1/search": {"get": {}}, "/api/v1/almanac/{day}": {"delete": {}}}}

    assert {path: sorted(methods) for path, methods in described(said)["paths"].items()} == {
        "/api/v1/almanac/{day}": ["get"]
    }


@pytest.mark.parametrize("said", [{}, {"paths": []}, {"paths": {"/api/v1/almanac/{day}": 1}, "components": 7}])
def test_a_module_that_says_nothing_of_use_is_described_by_its_manifest(said):
    operation = described(said)["paths"]["/api/v1/almanac/{day}"]["get"]

    assert operation["description"] == "Tell a day."
    assert sorted(operation["responses"]) == ["200", "401", "403", "502", "503", "504", "default"]


def test_websockets_are_not_openapis_to_describe():
    assert described({}, websocket=True)["paths"] == {}
