"""Errors as RFC 9457 problems. Nothing else in a module builds an error response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from structlog.typing import FilteringBoundLogger

from lumina_sdk.contract.problem import Finding, Problem
from lumina_sdk.errors import LuminaError, MalformedRequest, Refusal, Unavailable

__all__ = ["install", "respond"]

_MEDIA_TYPE = "application/problem+json"


def install(app: FastAPI, log: FilteringBoundLogger) -> None:
    """Make every error that leaves an endpoint a problem."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)  # noqa: S101 - what it is registered for
        return respond(error.problem, request)

    async def hub_away(request: Request, error: Exception) -> Response:
        assert isinstance(error, LuminaError)  # noqa: S101 - what it is registered for
        log.warning("hub_call_failed", error=str(error))
        return respond(Unavailable("The module cannot reach the hub.", hint="Try again in a moment.").problem, request)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
        findings = tuple(_finding(item) for item in error.errors())
        count = f"{len(findings)} mistake" + ("" if len(findings) == 1 else "s")
        return respond(MalformedRequest(f"The request has {count}.", findings=findings).problem, request)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        names = {404: "unknown-route", 405: "method-not-allowed"}
        problem = Problem(
            type=f"/problems/{names.get(error.status_code, 'http-error')}",
            title="The request cannot be served",
            status=error.status_code,
            detail=str(error.detail),
        )
        return respond(problem, request, error.headers)

    async def broken(request: Request, error: Exception) -> Response:
        problem = Problem(
            type="/problems/internal-error",
            title="Something went wrong inside the module",
            status=500,
            detail="The module's log holds the details under the request's id.",
        )
        return respond(problem, request)

    app.add_exception_handler(Exception, broken)
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(LuminaError, hub_away)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)


def respond(problem: Problem, request: Request | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response, with the path asked for."""
    if request is not None:
        told = {"instance": request.url.path, "request_id": request.headers.get("x-request-id")}
        problem = problem.model_copy(update=told)
    body = problem.model_dump_json(exclude_none=True, exclude_defaults=True)
    return Response(body, status_code=problem.status, media_type=_MEDIA_TYPE, headers=dict(headers or {}))


def _finding(item: Mapping[str, Any]) -> Finding:
    message = str(item["msg"]).removeprefix("Value error, ")
    return Finding(where=".".join(str(part) for part in item["loc"]), message=message)
