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
├── AmbiguousPath         the path can be read in two ways
├── RequestTimeout        the caller does not send the rest of its request
├── RateLimited           the caller calls this endpoint too often
├── ModuleError           a module cannot answer; `module` names it
│   ├── ModuleBusy        it has as many calls as it takes at once
│   ├── UpstreamUnreachable  nothing listens where it should, or it is left alone for a while
│   ├── UpstreamBroken    it answers what is not HTTP, or breaks off
│   ├── UpstreamTimeout   it does not answer in time
│   └── DidNotStart       it did not become ready
├── InvalidModule         a module's manifest does not allow running it; `findings` say why
├── InvalidModuleConfig   settings do not follow the module's schema; `findings` say where
├── WaitsForGrants        a module asks for scopes nobody decided on; `undecided` names them
├── InstallationFailed    a package cannot be built or installed
└── NotReady              the hub is starting or stopping

`problems.py` turns them into RFC 9457 problems; nothing else builds an error response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lumina_sdk.contract import ModuleFinding

__all__ = [
    "AmbiguousPath",
    "BodyTooLarge",
    "DidNotStart",
    "HubError",
    "InstallationFailed",
    "InvalidModule",
    "InvalidModuleConfig",
    "InvalidSettings",
    "InvalidToken",
    "LoginRefused",
    "MethodNotAllowed",
    "MissingCsrfToken",
    "MissingScope",
    "ModuleBusy",
    "ModuleError",
    "NotForModules",
    "NotReady",
    "QuestionTooLong",
    "RateLimited",
    "RequestTimeout",
    "SettingFinding",
    "Throttled",
    "TokenFault",
    "Unauthenticated",
    "UnknownRoute",
    "UpstreamBroken",
    "UpstreamTimeout",
    "UpstreamUnreachable",
    "WaitsForGrants",
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

    def __init__(self, limit_bytes: int, *, hint: str | None = None) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"The request is larger than {limit_bytes:,} bytes.",
            hint=hint
            or "Send less, or raise LUMINA_MAX_BODY_BYTES. Large sources are ingested by path or URL, not sent.",
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


class AmbiguousPath(HubError):
    """The path can be read in two ways."""

    def __init__(self) -> None:
        super().__init__(
            "The path can be read in two ways.",
            hint="Leave out `//`, dot segments, backslashes, control characters, and `%2F` and `%5C`.",
        )


class RequestTimeout(HubError):
    """The caller does not send the rest of its request."""

    def __init__(self, waited_s: float) -> None:
        super().__init__(
            f"The rest of the request did not come for {waited_s:g} s.", hint="Send the whole body without pauses."
        )


class RateLimited(HubError):
    """The caller calls this endpoint too often."""

    def __init__(self, per_min: int, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"This endpoint takes {per_min:,} calls a minute from one caller.",
            hint="Wait as long as `Retry-After` says.",
        )


class ModuleError(HubError):
    """A module cannot answer. `module` is its slug."""

    def __init__(self, module: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or f"`lumina plugin logs {module}` shows what it said last.")
        self.module = module


class ModuleBusy(ModuleError):
    """It has as many calls as it takes at once."""

    retry_after_s = 1.0

    def __init__(self, module: str, concurrency: int) -> None:
        super().__init__(
            module,
            f"The module {module!r} already has {concurrency} calls of this endpoint.",
            hint="Try again in a moment.",
        )


class UpstreamUnreachable(ModuleError):
    """Nothing listens where the module should, or it is left alone for a while."""

    def __init__(self, module: str, reason: str, *, retry_after_s: float = 2.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(module, f"The module {module!r} does not answer: {reason}.")


class UpstreamBroken(ModuleError):
    """The module answers what is not HTTP, or breaks off."""

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(module, f"The module {module!r} failed: {reason}.")


class UpstreamTimeout(ModuleError):
    """The module does not answer in time."""

    def __init__(self, module: str, timeout_s: float) -> None:
        super().__init__(module, f"The module {module!r} said nothing for {timeout_s:g} s.")


class DidNotStart(ModuleError):
    """A module did not become ready."""

    def __init__(self, module: str, reason: str, *, then: str) -> None:
        super().__init__(module, f"The module {module!r} did not become ready: {reason}. {then}")


class InvalidModule(HubError):
    """A module's manifest does not allow running it. `findings` holds everything that is wrong."""

    def __init__(self, module: str, findings: Sequence[ModuleFinding]) -> None:
        self.findings = tuple(findings)
        said = " ".join(finding.message for finding in self.findings[:3])
        super().__init__(
            f"The module {module!r} cannot be run as it is. {said}",
            hint="`lumina plugin validate PATH` shows every finding with its line.",
        )


class InvalidModuleConfig(HubError):
    """Settings do not follow a module's schema. `findings` are pairs of a place and what is wrong there."""

    def __init__(self, module: str, findings: Sequence[tuple[str, str]]) -> None:
        self.findings = tuple(findings)
        said = "; ".join(f"{where}: {message}" if where else message for where, message in self.findings)
        super().__init__(
            f"These are no settings of the module {module!r}: {said}.",
            hint=f"`lumina plugin config {module}` shows what it can be told.",
        )


class WaitsForGrants(HubError):
    """A module asks for scopes nobody decided on; `undecided` names them."""

    def __init__(self, module: str, undecided: Sequence[str]) -> None:
        self.undecided = tuple(undecided)
        super().__init__(
            f"The module {module!r} asks for {', '.join(self.undecided)}, and nobody decided yet whether it may.",
            hint=f"`lumina plugin enable {module} --grant-all` allows all, `lumina plugin grant {module} …` some.",
        )


class InstallationFailed(HubError):
    """A package cannot be built or installed. `said` is what pip said last."""

    def __init__(self, said: str) -> None:
        self.said = said
        lines = [line for line in said.splitlines() if line.strip()]
        errors = [line.strip() for line in lines if line.lstrip().lower().startswith("error")]
        super().__init__(
            f"It cannot be installed: {(errors or lines or ['pip said nothing'])[-1]}",
            hint="Nothing was changed. Try the same with pip in an environment of your own to see everything it says.",
        )


class NotReady(HubError):
    """The hub is starting or stopping."""

    def __init__(self) -> None:
        super().__init__("The hub is starting or stopping.", hint="Try again in a moment; `/readyz` says when.")
