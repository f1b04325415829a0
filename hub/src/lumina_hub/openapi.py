"""The OpenAPI document: FastAPI's, with the scopes each operation asks for and the problems it may answer with."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from lumina_hub.auth.access import is_public, scopes_of
from lumina_hub.auth.sessions.store import SESSION_COOKIE
from lumina_sdk.contract import Problem

__all__ = ["build_openapi"]

_DESCRIPTION = """A knowledge base of your own, which answers with citations.

Every call but the health checks carries `Authorization: Bearer <token>`, or the cookie of a session and, where it
changes something, the session's `X-CSRF-Token`. Errors are RFC 9457 problems; branch on their
`type`. `x-required-scopes` names what a token must have been granted for an operation."""


def build_openapi(title: str, version: str, routes: list[BaseRoute]) -> dict[str, Any]:
    """Describe `routes`, OpenAPI 3.1."""
    document = get_openapi(title=title, version=version, description=_DESCRIPTION, routes=routes)
    components = document.setdefault("components", {})
    components.setdefault("securitySchemes", {}).update(
        bearer={"type": "http", "scheme": "bearer"},
        session={"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
    )
    _, schemas = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    components.setdefault("schemas", {}).update(schemas["$defs"])
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)

    for route in routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            scopes = scopes_of(route)
            responses = operation["responses"]
            responses.pop("422", None)
            if not is_public(route):
                operation["security"] = [{"bearer": [str(scope) for scope in scopes]}, {"session": []}]
                operation["x-required-scopes"] = [str(scope) for scope in scopes]
                responses["401"] = _problem("No token, or not a valid one")
                responses["403"] = _problem("The token lacks a scope, or the session's CSRF token is missing")
            if operation.get("requestBody") or operation.get("parameters"):
                responses["422"] = _problem("The request is malformed")
            responses["default"] = _problem("Anything else that went wrong")
    return document


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}
