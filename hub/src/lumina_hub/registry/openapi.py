"""Modules' endpoints in the hub's OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lumina_sdk.contract.manifest import Endpoint, Manifest, parameters_of

__all__ = ["describe_modules"]

_SCHEMAS = "#/components/schemas/"
_TAKEN_OVER = ("parameters", "requestBody", "responses", "summary", "deprecated")
_OF_FASTAPI = ("HTTPValidationError", "ValidationError")
"""Schemas of what our problems take the place of."""

_PROBLEMS = {
    "401": "No token, or not a valid one",
    "403": "The token lacks a scope",
    "502": "The module cannot answer",
    "503": "The module has its hands full, or does not run",
    "504": "The module did not answer in time",
    "default": "Anything else that went wrong",
}


def describe_modules(
    document: dict[str, Any], manifests: Iterable[Manifest], descriptions: Mapping[str, Mapping[str, Any]]
) -> None:
    """Add modules' endpoints to a document.

    What an endpoint is called and whom it lets in is the manifest's to say; what it takes and gives a module may say
    itself. Its schemas get the module's name in front, so that they collide with nobody's.

    Args:
        document: OpenAPI 3.1, with a schema `Problem`; changed in place.
        manifests: Of the modules that run.
        descriptions: By slug, what modules say: `paths` and `components` of OpenAPI. Not trusted to be well-formed.
    """
    for manifest in sorted(manifests, key=lambda it: it.name):
        said = descriptions.get(manifest.name, {})
        schemas = _mapping(_mapping(said.get("components")).get("schemas"))
        schemas = {name: schema for name, schema in schemas.items() if name not in _OF_FASTAPI}
        for name, schema in schemas.items():
            if isinstance(schema, Mapping):
                renamed = _renamed(schema, manifest.name, schemas.keys())
                document["components"]["schemas"][f"{manifest.name}.{name}"] = renamed
        for endpoint in manifest.endpoints:
            if not endpoint.websocket:
                paths = _mapping(said.get("paths"))
                theirs = _mapping(_mapping(paths.get(endpoint.path)).get(endpoint.method.lower()))
                operation = _operation(manifest, endpoint, _renamed(theirs, manifest.name, schemas.keys()))
                document["paths"].setdefault(endpoint.path, {})[endpoint.method.lower()] = operation


def _operation(manifest: Manifest, endpoint: Endpoint, said: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {key: said[key] for key in _TAKEN_OVER if key in said}
    scopes = list(endpoint.scopes)
    operation |= {
        "tags": [manifest.name],
        "operationId": f"{manifest.name}.{endpoint.method.lower()}.{endpoint.path.removeprefix('/api/v1/')}",
        "description": endpoint.description,
        "security": [{"bearer": scopes}],
        "x-required-scopes": scopes,
        "x-module": manifest.name,
    }
    operation.setdefault("summary", endpoint.description)
    operation["parameters"] = _parameters(endpoint, operation.get("parameters"))
    responses = dict(_mapping(operation.get("responses")))
    if "422" in responses:
        responses["422"] = _problem("The request is malformed")
    if not any(status.startswith("2") for status in responses):
        responses["200"] = {"description": "What the module answers"}
    operation["responses"] = responses | {status: _problem(text) for status, text in _PROBLEMS.items()}
    return operation


def _parameters(endpoint: Endpoint, said: Any) -> list[dict[str, Any]]:
    """What the module says of its parameters, and those of the path in any case."""
    known = [dict(it) for it in said if isinstance(it, Mapping) and "name" in it] if isinstance(said, list) else []
    in_path = set(parameters_of(endpoint.path))
    known = [it for it in known if it.get("in") != "path" or it["name"] in in_path]
    missing = sorted(in_path - {it["name"] for it in known if it.get("in") == "path"})
    return [*known, *({"name": it, "in": "path", "required": True, "schema": {"type": "string"}} for it in missing)]


def _renamed(value: Any, slug: str, names: Iterable[str]) -> Any:
    """The same, with references to the module's schemas leading to their new names, and others taken out."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix(_SCHEMAS)
            return {"$ref": f"{_SCHEMAS}{slug}.{name}"} if name in names else {}
        return {key: _renamed(it, slug, names) for key, it in value.items()}
    return [_renamed(it, slug, names) for it in value] if isinstance(value, list) else value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": f"{_SCHEMAS}Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}
