"""How a command ends when it does not succeed: one sentence on what happened, one on what to do, and an exit status."""

from __future__ import annotations

from lumina_core.errors import CoreError, InvalidInput
from lumina_hub.errors import HubError, InvalidSettings, QuestionTooLong

__all__ = ["FAILED", "INTERRUPTED", "MISUSED", "TERMINATED", "Failure", "from_error", "from_problem"]

FAILED = 1
"""It ran, and the answer is no."""
MISUSED = 2
"""It could not run as asked: a wrong option, a file that is not there, an input that is not what it should be."""
INTERRUPTED = 130
"""The reader pressed Ctrl-C: what shells expect of a command that ended by SIGINT."""

TERMINATED = 143
"""The same for SIGTERM."""

_CALLERS_FAULT = frozenset({400, 413, 415, 422})
_STRANGER = "Is something else listening on that address? `lumina status` says which hub this home has."


class Failure(Exception):
    """Ends a command. `message` says what happened, `hint` what the reader can do, `status` is the exit status."""

    def __init__(self, message: str, *, hint: str | None = None, status: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status


def from_error(error: CoreError | HubError) -> Failure:
    status = MISUSED if isinstance(error, InvalidInput | InvalidSettings | QuestionTooLong) else FAILED
    return Failure(error.message, hint=error.hint, status=status)


def from_problem(status_code: int, body: bytes) -> Failure:
    """Turn an error response into a failure. Bodies that are no RFC 9457 problem are named by their status alone."""
    from pydantic import ValidationError

    from lumina_sdk.contract import Problem

    status = MISUSED if status_code in _CALLERS_FAULT else FAILED
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        return Failure(f"The hub answered {status_code}, and not in Lumina's words.", hint=_STRANGER, status=status)
    message = problem.detail or problem.title
    if problem.findings:
        message += " " + "; ".join(f"{finding.where}: {finding.message}" for finding in problem.findings)
    hint = problem.hint or (_STRANGER if status_code == 401 else None)
    return Failure(message, hint=hint, status=status)
