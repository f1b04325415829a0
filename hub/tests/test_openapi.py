from __future__ import annotations

from typing import Any

import pytest

from lumina_hub.app import ROUTES, create_app
from lumina_hub.auth.access import is_public, scopes_of
from lumina_hub.pages.render import render_operations, render_start
from lumina_hub.settings import Settings


@pytest.fixture
def document(settings: Settings) -> dict[str, Any]:
    return create_app(settings).openapi()


def test_every_operation_says_which_scopes_it_needs(document: dict[str, Any]) -> None:
    for route in ROUTES:
        if route.include_in_schema:  # type: ignore[attr-defined]
            for method in route.methods:  # type: ignore[attr-defined]
                operation = document["paths"][route.path][method.lower()]  # type: ignore[attr-defined]
                assert ("x-required-scopes" in operation) != is_public(route)
                assert operation.get("x-required-scopes", []) == list(scopes_of(route))
                assert operation["description"].endswith(".")


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["components"]["schemas"]["Problem"]["properties"]["request_id"]


def test_the_listing_shows_every_path_and_loads_nothing_from_elsewhere(document: dict[str, Any]) -> None:
    page = render_operations(document)

    assert all(path in page for path in document["paths"])
    for text in (page, render_start("http://127.0.0.1:8000")):
        assert "<script" not in text
        assert "src=" not in text


def test_the_start_page_escapes_the_address_it_was_reached_at() -> None:
    assert "<b>" not in render_start("http://<b>")
