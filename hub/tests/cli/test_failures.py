from __future__ import annotations

import json

import pytest

from lumina_hub.cli.failures import FAILED, MISUSED, from_problem


def problem(status: int, **fields: object) -> bytes:
    return json.dumps({"type": "/problems/x", "title": "X", "status": status, "detail": "It is so.", **fields}).encode()


def test_a_problem_becomes_its_detail_and_hint() -> None:
    failure = from_problem(404, problem(404, hint="Look elsewhere."))

    assert (failure.message, failure.hint, failure.status) == ("It is so.", "Look elsewhere.", FAILED)


def test_every_finding_is_named() -> None:
    findings = [{"where": "body.query", "message": "is empty"}, {"where": "body.limit", "message": "is negative"}]

    failure = from_problem(422, problem(422, findings=findings))

    assert failure.message == "It is so. body.query: is empty; body.limit: is negative"


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_bad_input_is_misuse(status: int) -> None:
    assert from_problem(status, problem(status)).status == MISUSED


@pytest.mark.parametrize("status", [401, 403, 404, 409, 500, 503, 507])
def test_everything_else_is_failure(status: int) -> None:
    assert from_problem(status, problem(status)).status == FAILED


def test_a_body_that_is_no_problem_is_named_by_its_status() -> None:
    failure = from_problem(502, b"<html>Bad gateway</html>")

    assert "502" in failure.message
    assert failure.hint is not None
