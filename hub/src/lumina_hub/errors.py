"""Every error the hub raises on purpose; the core's own tree is in `lumina_core.errors`.

HubError
├── InvalidSettings       the settings cannot be used; nothing was started
├── Unauthenticated       nobody said who is calling
├── InvalidToken          the token is not, or no longer, known
├── LoginRefused          no such user, or not with this password
├── Throttled             too many attempts; the next one must wait
├── MissingScope          the caller may not do this
├── NotForModules         a module may not do this, whatever its scopes
├── MissingCsrfToken      a page may have sent this without the user knowing
├── BodyTooLarge          the request is larger than the hub reads
├── QuestionTooLong       the question is longer than the hub answers
├── UnknownRoute          nothing lives at this path
├── MethodNotAllowed      something lives here, but does not answer to this method
├── ClientGone            who asked has gone; nobody reads the answer
├── KeyReused             an Idempotency-Key stands for another request already
├── RequestInProgress     the same request is being served now
└── NotReady              the hub is starting or stopping

`problems.py` turns them into RFC 9457 problems; nothing else builds an error response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "BodyTooLarge",
    "ClientGone",
    "HubError",
    "InvalidSettings",
    "InvalidToken",
    "KeyReused",
    "LoginRefused",
    "MethodNotAllowed",
    "MissingCsrfToken",
    "MissingScope",
    "NotForModules",
    "NotReady",
    "QuestionTooLong",
    "RequestInProgress",
    "SettingFinding",
    "Throttled",
    "TokenFault",
    "Unauthenticated",
    "UnknownRoute",
]


class HubError(Exception):
    """Base of the tree. `hint` says what the reader can do about it, in one sentence."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class SettingFinding:
    """One thing wrong with the settings. `name` is written as its source writes it, `source` names where it stands."""

    name: str
    source: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.source}): {self.message}. {self.hint}"


class InvalidSettings(HubError):
    """The settings cannot be used; nothing was started. `findings` holds everything that is wrong, not the first."""

    def __init__(self, findings: Sequence[SettingFinding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        super().__init__(
            f"these settings cannot be used:\n{lines}", hint="`lumina config` lists every setting and its value."
        )


class Unauthenticated(HubError):
    """Nobody said who is calling."""

    def __init__(self) -> None:
        super().__init__(
            "This needs a token, and the request carries none.",
            hint="Send `Authorization: Bearer <token>`; the owner's token is in `owner.token` of the data directory.",
        )


class TokenFault(StrEnum):
    """What is wrong with a token; for the audit log. The caller learns only whether it has expired."""

    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SESSION_ENDED = "session_ended"


class InvalidToken(HubError):
    """The token is not, or no longer, known."""

    def __init__(self, fault: TokenFault = TokenFault.UNKNOWN) -> None:
        self.fault = fault
        if fault is TokenFault.EXPIRED:
            super().__init__("The token has expired.", hint="Get a new one: repeating the request does not help.")
        elif fault is TokenFault.SESSION_ENDED:
            super().__init__("The session has ended.", hint="Log in again.")
        else:
            super().__init__(
                "The token is unknown or no longer valid.",
                hint="Read the token again: the owner's is in `owner.token` of the data directory this hub runs on.",
            )


class LoginRefused(HubError):
    """No such user, or not with this password; which of the two is not said."""

    def __init__(self) -> None:
        super().__init__(
            "The name or the password is wrong.",
            hint="Names are in lower case. `lumina user passwd NAME` gives a user a new password.",
        )


class Throttled(HubError):
    """Too many attempts to log in; the next one may be made in `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            "Too many attempts to log in.",
            hint=f"Try again in {retry_after_s} s. The owner's token is not a password: the command line works.",
        )


class MissingScope(HubError):
    """The caller may not do this. `missing` are the scopes it lacks, in alphabetical order."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(sorted(missing))
        super().__init__(
            f"The token lacks the scope {' and '.join(repr(scope) for scope in self.missing)}.",
            hint="Use a token that was granted it.",
        )


class NotForModules(HubError):
    """A module may not do this, whatever its scopes, for itself or for somebody."""

    def __init__(self, what: str) -> None:
        super().__init__(f"A module may not {what}.", hint="A person does this, in the UI or with `lumina`.")


class MissingCsrfToken(HubError):
    """The request is allowed by a cookie alone: a page elsewhere may have sent it without the user knowing."""

    def __init__(self) -> None:
        super().__init__(
            "A request that changes something and is allowed by a cookie needs the session's CSRF token.",
            hint="Send it as `X-CSRF-Token`; `GET /api/v1/session` tells it.",
        )


class BodyTooLarge(HubError):
    """The request is larger than the hub reads."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"The request is larger than {limit_bytes:,} bytes.",
            hint="Send less, or raise LUMINA_MAX_BODY_BYTES. Large sources are ingested by path or URL, not sent.",
        )


class QuestionTooLong(HubError):
    """The question is longer than the hub answers."""

    def __init__(self, length: int, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"The question has {length:,} characters; the limit is {limit:,}.",
            hint="Ask a shorter question, or raise LUMINA_MAX_QUESTION_CHARS.",
        )


class UnknownRoute(HubError):
    """Nothing lives at this path."""


class MethodNotAllowed(HubError):
    """Something lives here, but does not answer to this method. `allow` is the value of the Allow header."""

    def __init__(self, message: str, *, allow: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.allow = allow


class NotReady(HubError):
    """The hub is starting or stopping."""

    def __init__(self) -> None:
        super().__init__("The hub is starting or stopping.", hint="Try again in a moment; `/readyz` says when.")


class KeyReused(HubError):
    """An Idempotency-Key stands for another request already."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The Idempotency-Key {key!r} was sent with another request before.",
            hint="Make a new key for each new request; send the old one only to repeat the very same request.",
        )


class RequestInProgress(HubError):
    """The same request is being served now."""

    def __init__(self) -> None:
        super().__init__(
            "A request with this Idempotency-Key is being served now.", hint="Send it again in a moment for its answer."
        )


class ClientGone(HubError):
    """Who asked has gone. Nobody reads the answer; the log does."""

    def __init__(self) -> None:
        super().__init__("The client went away before it was answered.")
