"""Our errors as RFC 9457 problems. Nothing else in the hub builds an error response."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lumina_core import errors as core
from lumina_hub import errors as hub
from lumina_sdk.contract import Finding, Problem

__all__ = ["PROBLEM_TYPES", "REALM", "ProblemType", "install", "problem_of", "respond", "respond_to", "type_of"]

MEDIA_TYPE = "application/problem+json"
REALM = "lumina"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem. `name` is the last part of its type URI, `sentence` says when it is met and what to do."""

    name: str
    status: int
    title: str
    sentence: str

    @property
    def uri(self) -> str:
        return f"/problems/{self.name}"


_MALFORMED = ProblemType(
    "malformed-request",
    422,
    "The request is malformed",
    "A field is missing, unknown or has a value it cannot have. `findings` lists every one of them by place.",
)
_INTERNAL = ProblemType(
    "internal-error",
    500,
    "Something went wrong inside Lumina",
    "This is a mistake of Lumina's, not yours. The hub's log holds the details under the problem's `request_id`.",
)
_OTHER = ProblemType("http-error", 400, "The request cannot be served", "HTTP itself was used in a way it cannot be.")

# The more particular error first: the first one an error is an instance of is the problem's type.
_TYPES: tuple[tuple[type[Exception], ProblemType], ...] = (
    (
        hub.Unauthenticated,
        ProblemType(
            "unauthenticated",
            401,
            "A token is needed",
            "The route is not public and the request carried no bearer token. `WWW-Authenticate` names the scheme.",
        ),
    ),
    (
        hub.InvalidToken,
        ProblemType(
            "invalid-token",
            401,
            "The token is not valid",
            "No such token, or it was withdrawn or has expired. Get a new one; repeating the request does not help.",
        ),
    ),
    (
        hub.MissingScope,
        ProblemType(
            "missing-scope",
            403,
            "The token may not do this",
            "`missing_scope` names what the token was not granted.",
        ),
    ),
    (
        hub.LoginRefused,
        ProblemType(
            "login-refused",
            401,
            "The name or the password is wrong",
            "Which of the two is not said. Repeated attempts are slowed down.",
        ),
    ),
    (
        hub.Throttled,
        ProblemType(
            "throttled",
            429,
            "Too many attempts",
            "Logging in failed too often for this name or from this address. `Retry-After` says when to try again.",
        ),
    ),
    (
        hub.NotForModules,
        ProblemType(
            "not-for-modules",
            403,
            "No module may do this",
            "A module makes no tokens and no users, whoever it acts for. A person does that.",
        ),
    ),
    (
        hub.MissingCsrfToken,
        ProblemType(
            "missing-csrf-token",
            403,
            "The CSRF token is missing",
            "With a session's cookie, a request that changes something also needs the session's `X-CSRF-Token`.",
        ),
    ),
    (
        hub.BodyTooLarge,
        ProblemType(
            "body-too-large", 413, "The request is too large", "Larger than `LUMINA_MAX_BODY_BYTES`; it was not read."
        ),
    ),
    (
        hub.QuestionTooLong,
        ProblemType("question-too-long", 413, "The question is too long", "Longer than `LUMINA_MAX_QUESTION_CHARS`."),
    ),
    (hub.UnknownRoute, ProblemType("unknown-route", 404, "Nothing lives here", "No route has this path.")),
    (
        hub.MethodNotAllowed,
        ProblemType(
            "method-not-allowed", 405, "Not with this method", "The path is right; `Allow` lists the methods it has."
        ),
    ),
    (
        hub.AmbiguousPath,
        ProblemType(
            "ambiguous-path",
            400,
            "The path can be read in two ways",
            "It has an encoded slash, a dot segment, an empty segment or a broken escape. Nothing was called.",
        ),
    ),
    (
        hub.RequestTimeout,
        ProblemType(
            "request-timeout", 408, "The request did not come in time", "The caller stopped in the middle of its body."
        ),
    ),
    (
        hub.RateLimited,
        ProblemType(
            "rate-limited",
            429,
            "Too many calls",
            "An endpoint takes so many calls of one caller. `Retry-After` says when the next one is let through.",
        ),
    ),
    (
        hub.ModuleBusy,
        ProblemType(
            "module-busy",
            503,
            "The module has its hands full",
            "It has as many calls of this endpoint as it takes at once; `module` names it. Try again in a moment.",
        ),
    ),
    (
        hub.UpstreamUnreachable,
        ProblemType(
            "module-unreachable",
            503,
            "The module does not answer",
            "It is not running, or failed so often that it is left alone for a while; `module` names it.",
        ),
    ),
    (
        hub.UpstreamBroken,
        ProblemType(
            "module-failed",
            502,
            "The module failed",
            "It answered what is not HTTP, or broke off before it had answered; `module` names it.",
        ),
    ),
    (
        hub.UpstreamTimeout,
        ProblemType(
            "module-timeout",
            504,
            "The module did not answer in time",
            "It said nothing for as long as its manifest allows; `module` names it. It may still do what it was asked.",
        ),
    ),
    (
        hub.DidNotStart,
        ProblemType(
            "module-did-not-start",
            502,
            "The module did not start",
            "It ended or was not ready in time; `module` names it, and its log says more. What ran before runs again.",
        ),
    ),
    (
        hub.ModuleError,
        ProblemType("module-error", 502, "The module cannot answer", "`module` names it; the detail says why."),
    ),
    (
        hub.InvalidModule,
        ProblemType(
            "invalid-module",
            400,
            "The module cannot be run",
            "Its manifest does not allow it. `findings` holds everything that is wrong, by file and line.",
        ),
    ),
    (
        hub.InvalidModuleConfig,
        ProblemType(
            "invalid-module-config",
            400,
            "These are no settings of the module",
            "They do not follow the schema in its manifest. `findings` says where. The settings stay as they were.",
        ),
    ),
    (
        hub.WaitsForGrants,
        ProblemType(
            "module-waits-for-grants",
            409,
            "The module waits for grants",
            "It asks for scopes nobody decided on; `missing_scope` names them. Grant some or all of them, then repeat.",
        ),
    ),
    (
        hub.InstallationFailed,
        ProblemType(
            "installation-failed",
            400,
            "The module cannot be installed",
            "Its package is not to be had, cannot be built or does not go together. What ran before still runs.",
        ),
    ),
    (
        hub.ClientGone,
        ProblemType(
            "client-gone", 499, "The client went away", "Nobody reads this: it stands in the hub's log and metrics."
        ),
    ),
    (
        hub.KeyReused,
        ProblemType(
            "idempotency-key-reused",
            409,
            "The key stands for another request",
            "An `Idempotency-Key` was sent before with another method, path or body. Make a new one.",
        ),
    ),
    (
        hub.RequestInProgress,
        ProblemType(
            "request-in-progress",
            409,
            "The request is being served",
            "The same `Idempotency-Key` is in use now. Ask again after `Retry-After`.",
        ),
    ),
    (
        hub.NotReady,
        ProblemType("not-ready", 503, "The hub is not ready", "It is starting or stopping. `/readyz` says when it is."),
    ),
    (
        hub.InvalidSettings,
        ProblemType("invalid-settings", 500, "The settings cannot be used", "Met at the start, before anything runs."),
    ),
    (
        core.UnreadableSource,
        ProblemType(
            "unreadable-source",
            400,
            "The source cannot be read",
            "A dump, file, folder or page is not there or is not what it claims to be. Nothing of it was taken in.",
        ),
    ),
    (
        core.InvalidInput,
        ProblemType(
            "invalid-input",
            400,
            "The input cannot be used",
            "Well-formed, but it means nothing here. Nothing was changed.",
        ),
    ),
    (core.NotFound, ProblemType("not-found", 404, "There is no such thing", "No thing of this kind has this id.")),
    (
        core.HomeLocked,
        ProblemType(
            "home-locked",
            409,
            "The data directory is in use",
            "Another process holds it: one home, one hub. The detail says which.",
        ),
    ),
    (
        core.Conflict,
        ProblemType("conflict", 409, "Not in the present state", "The request does not fit what there is now."),
    ),
    (
        core.StorageFull,
        ProblemType(
            "storage-full",
            507,
            "The disk is full",
            "Nothing of the failed write was kept, and nothing acknowledged was lost. Free some space and try again.",
        ),
    ),
    (
        core.QuotaFull,
        ProblemType(
            "quota-full",
            507,
            "The quota is used up",
            "What is allotted to the caller has no room for this. Nothing was kept; delete something first.",
        ),
    ),
    (
        core.Unsupported,
        ProblemType(
            "unsupported",
            501,
            "The driver cannot do this",
            "The part in use, such as the language engine, has no such ability. Another driver may.",
        ),
    ),
    (
        core.CorruptLog,
        ProblemType(
            "corrupt-log",
            500,
            "The graph log is damaged",
            "A line in its middle cannot be read. The detail names the file and the place.",
        ),
    ),
    (
        core.RedisDown,
        ProblemType(
            "redis-down",
            503,
            "Redis does not answer",
            "An embedded one is started again by itself; try again in a moment. Nothing acknowledged was lost.",
        ),
    ),
    (
        core.VectorStoreDown,
        ProblemType(
            "vector-store-down",
            503,
            "The vector store does not answer",
            "An embedded one is started again by itself; try again in a moment. Nothing acknowledged was lost.",
        ),
    ),
    (
        core.EmbedderDown,
        ProblemType(
            "embedder-down", 503, "The embedder does not answer", "Questions cannot be understood until it is back."
        ),
    ),
    (
        core.DependencyDown,
        ProblemType("dependency-down", 503, "A part does not answer", "Something Lumina calls is not there now."),
    ),
    (
        core.CoreError,
        ProblemType(
            "operation-failed",
            500,
            "It could not be done",
            "Something on this machine stood in the way; the detail says what. Nothing acknowledged was lost.",
        ),
    ),
)

PROBLEM_TYPES: tuple[ProblemType, ...] = (_MALFORMED, *(problem for _, problem in _TYPES), _OTHER, _INTERNAL)
"""Every problem the hub can answer with, each once."""

_RETRY_AFTER_S = "2"


def type_of(error: Exception) -> ProblemType:
    """The problem an error is; `internal-error` for one that is not of our trees."""
    return next((problem for known, problem in _TYPES if isinstance(error, known)), _INTERNAL)


def problem_of(error: Exception, *, instance: str | None = None, request_id: str | None = None) -> Problem:
    """Describe an error on the wire. What is not of our trees is named but not described: it may hold anything."""
    kind = type_of(error)
    known = isinstance(error, hub.HubError | core.CoreError)
    missing: Sequence[str] = ()
    if isinstance(error, hub.MissingScope):
        missing = error.missing
    elif isinstance(error, hub.WaitsForGrants):
        missing = error.undecided
    module = error.module if isinstance(error, hub.ModuleError) else None
    return Problem(
        type=kind.uri,
        title=kind.title,
        status=kind.status,
        detail=_sentence(str(error)) if known else kind.sentence,
        hint=error.hint if isinstance(error, hub.HubError | core.CoreError) else None,
        instance=instance,
        request_id=request_id,
        missing_scope=" ".join(missing) or None,
        module=module,
        findings=_findings_of(error),
    )


def _findings_of(error: Exception) -> tuple[Finding, ...]:
    if isinstance(error, hub.InvalidModule):
        places = ((it.path if it.line is None else f"{it.path}:{it.line}", it) for it in error.findings)
        return tuple(Finding(where=place, message=f"{it.message} {it.hint}") for place, it in places)
    if isinstance(error, hub.InvalidModuleConfig):
        return tuple(Finding(where=where, message=message) for where, message in error.findings)
    return ()


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response."""
    body = problem.model_dump_json(exclude_none=True, exclude_defaults=True)
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def respond_to(error: Exception, *, instance: str, request_id: str | None) -> Response:
    """The response to an error, with the headers its status asks for."""
    return respond(problem_of(error, instance=instance, request_id=request_id), _headers(error))


def install(app: FastAPI) -> None:
    """Make every error that leaves a route a problem."""

    async def ours(request: Request, error: Exception) -> Response:
        return respond_to(error, instance=request.url.path, request_id=_request_id(request))

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
        return respond(
            Problem(
                type=_MALFORMED.uri,
                title=_MALFORMED.title,
                status=_MALFORMED.status,
                detail="The request has " + _count(len(error.errors()), "mistake") + ".",
                instance=request.url.path,
                request_id=_request_id(request),
                findings=tuple(_finding(item) for item in error.errors()),
            )
        )

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        return respond_to(_translated(error, request), instance=request.url.path, request_id=_request_id(request))

    app.add_exception_handler(hub.HubError, ours)
    app.add_exception_handler(core.CoreError, ours)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)


def _translated(error: HTTPException, request: Request) -> Exception:
    if error.status_code == 404:
        return hub.UnknownRoute(
            f"Nothing lives at {request.url.path!r}.", hint="`/api/v1/openapi.json` lists every route."
        )
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return hub.MethodNotAllowed(
            f"{request.url.path} does not answer to {request.method}.", allow=allow, hint=f"Use {allow}."
        )
    if error.status_code == 400:
        return core.InvalidInput("The request's body cannot be read.", hint="Send JSON, encoded as UTF-8.")
    return error


def _headers(error: Exception) -> dict[str, str]:
    """RFC 6750, section 3, and RFC 9110: what a refusal must say beside its body."""
    if isinstance(error, hub.Unauthenticated):
        return {"WWW-Authenticate": f'Bearer realm="{REALM}"'}
    if isinstance(error, hub.InvalidToken):
        return {
            "WWW-Authenticate": f'Bearer realm="{REALM}", error="invalid_token", '
            f'error_description="{error.message.rstrip(".")}"'
        }
    if isinstance(error, hub.LoginRefused):
        return {"WWW-Authenticate": f'Bearer realm="{REALM}"'}
    if isinstance(error, hub.Throttled):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, hub.MissingScope):
        return {
            "WWW-Authenticate": f'Bearer realm="{REALM}", error="insufficient_scope", scope="{" ".join(error.missing)}"'
        }
    if isinstance(error, hub.MethodNotAllowed):
        return {"Allow": error.allow}
    if isinstance(error, hub.RateLimited | hub.ModuleBusy | hub.UpstreamUnreachable):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, hub.NotReady | hub.RequestInProgress | core.DependencyDown):
        return {"Retry-After": _RETRY_AFTER_S}
    return {}


def _finding(item: Mapping[str, Any]) -> Finding:
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "json_invalid":
        return Finding(where="body", message=f"not JSON, at byte {item['loc'][-1]}: {item['ctx']['error']}")
    return Finding(where=place, message=message)


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _request_id(request: Request) -> str | None:
    found = request.scope.get("lumina.request_id")
    return found if isinstance(found, str) else None
