"""Every error the SDK raises on purpose, and every problem a module can answer with.

LuminaError
├── HubUnreachable           there is no hub at the other end, or the connection broke
├── HubTimeout               the hub did not answer in time
├── InvalidAnswer            what answered does not speak the contract
├── GiveUp                   raised by an event handler: do not try this event again
├── InvalidEnvironment       the process was not started as a module is
└── Refusal                  a problem (RFC 9457): from the hub, or raised by an endpoint for its caller
    ├── MalformedRequest     422  malformed-request
    ├── InvalidInput         400  invalid-input, unreadable-source
    ├── Unauthenticated      401  unauthenticated, invalid-token
    ├── MissingScope         403  missing-scope; `missing` names the scopes
    ├── NotFound             404  not-found, unknown-route
    ├── Conflict             409  conflict, home-locked
    ├── TooLarge             413  body-too-large, question-too-long
    ├── RateLimited          429  rate-limited
    └── Unavailable          503  not-ready, redis-down and the others that pass

Branch on the class, or on `problem.type`; never on the prose. A problem of a type not listed is a plain `Refusal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from lumina_sdk.contract.problem import Finding, Problem

__all__ = [
    "Conflict",
    "GiveUp",
    "HubTimeout",
    "HubUnreachable",
    "InvalidAnswer",
    "InvalidEnvironment",
    "InvalidInput",
    "LuminaError",
    "MalformedRequest",
    "MissingScope",
    "NotFound",
    "RateLimited",
    "Refusal",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "refusal_of",
]


class LuminaError(Exception):
    """Base of the tree. `hint` says what the reader can do about it, in one sentence."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class HubUnreachable(LuminaError):
    """There is no hub at the other end, or the connection broke before the answer was there."""


class HubTimeout(LuminaError):
    """The hub did not answer in time. Whether it did what was asked is not known."""


class InvalidAnswer(LuminaError):
    """What answered does not speak the contract. `status` is that of the response."""

    def __init__(self, message: str, *, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class GiveUp(LuminaError):
    """Raised by an event handler: the event cannot be handled, now or later. It becomes a dead letter."""


class InvalidEnvironment(LuminaError):
    """The process was not started as a module is: a variable or a file is missing."""


class Refusal(LuminaError):
    """A problem. From the hub, `problem` is what it said; raised by an endpoint, it is what the caller is told.

    Subclasses stand for the `types` they list; the first is the one they are raised as.
    """

    status: ClassVar[int] = 400
    types: ClassVar[tuple[str, ...]] = ("refused",)
    title: ClassVar[str] = "The request was refused"

    def __init__(
        self, message: str, *, hint: str | None = None, findings: Sequence[Finding] = (), problem: Problem | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.problem = problem or Problem(
            type=f"/problems/{self.types[0]}",
            title=self.title,
            status=self.status,
            detail=message,
            hint=hint,
            findings=tuple(findings),
        )


class MalformedRequest(Refusal):
    """A field is missing, unknown or has a value it cannot have; `problem.findings` lists all of them."""

    status = 422
    types = ("malformed-request",)
    title = "The request is malformed"


class InvalidInput(Refusal):
    """Well-formed, but it means nothing here."""

    status = 400
    types = ("invalid-input", "unreadable-source")
    title = "The input cannot be used"


class Unauthenticated(Refusal):
    """There is no token, or it is no longer valid."""

    status = 401
    types = ("unauthenticated", "invalid-token")
    title = "A token is needed"


class MissingScope(Refusal):
    """The caller may not do this."""

    status = 403
    types = ("missing-scope",)
    title = "The token may not do this"

    @property
    def missing(self) -> tuple[str, ...]:
        """The scopes that were not granted."""
        return tuple((self.problem.missing_scope or "").split())


class NotFound(Refusal):
    """There is no such thing, or it is not the caller's to know of."""

    status = 404
    types = ("not-found", "unknown-route")
    title = "There is no such thing"


class Conflict(Refusal):
    """The request does not fit what there is now."""

    status = 409
    types = ("conflict", "home-locked", "module-waits-for-grants")
    title = "Not in the present state"


class TooLarge(Refusal):
    """More than is read."""

    status = 413
    types = ("body-too-large", "question-too-long")
    title = "The request is too large"


class RateLimited(Refusal):
    """Too many requests; try again later."""

    status = 429
    types = ("rate-limited",)
    title = "Too many requests"


class Unavailable(Refusal):
    """Something is not there now, and may be soon."""

    status = 503
    types = (
        "unavailable",
        "not-ready",
        "redis-down",
        "vector-store-down",
        "embedder-down",
        "dependency-down",
        "module-unavailable",
        "module-busy",
    )
    title = "Not there now"


_BY_TYPE: dict[str, type[Refusal]] = {
    name: kind
    for kind in (
        MalformedRequest,
        InvalidInput,
        Unauthenticated,
        MissingScope,
        NotFound,
        Conflict,
        TooLarge,
        RateLimited,
        Unavailable,
    )
    for name in kind.types
}


def refusal_of(problem: Problem) -> Refusal:
    """The error a problem is, by its type."""
    kind = _BY_TYPE.get(problem.type.rpartition("/")[2], Refusal)
    return kind(problem.detail, hint=problem.hint, findings=problem.findings, problem=problem)
