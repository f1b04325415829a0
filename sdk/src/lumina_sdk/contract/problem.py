"""How the hub says that something went wrong: RFC 9457 problem details."""

from __future__ import annotations

from lumina_sdk.contract._model import WireModel

__all__ = ["Finding", "Problem"]


class Finding(WireModel):
    """One thing that is wrong with a request. `where` is a path such as `body.query`."""

    where: str
    message: str


class Problem(WireModel):
    """RFC 9457, section 3, as `application/problem+json`. Branch on `type`, never on the prose.

    `type` is a relative URI, `/problems/<name>`; every name stands in the reference. `instance` is the path asked
    for, `request_id` the id under which the hub's log holds the request, `hint` what the reader can do about it,
    `module` the module that could not answer.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    hint: str | None = None
    request_id: str | None = None
    missing_scope: str | None = None
    module: str | None = None
    findings: tuple[Finding, ...] = ()
