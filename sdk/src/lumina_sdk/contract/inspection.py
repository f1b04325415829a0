"""What a module's code declares, as the checker compares it with the manifest."""

from __future__ import annotations

from lumina_sdk.contract._model import WireModel

__all__ = ["CodeEndpoint", "CodeHandler", "CodeJob", "Inspection"]


class CodeEndpoint(WireModel):
    """An `@module.endpoint` or `@module.websocket`. `file` is absolute, `line` the function's first."""

    method: str
    path: str
    file: str
    line: int


class CodeHandler(WireModel):
    """An `@module.on`."""

    stream: str
    file: str
    line: int


class CodeJob(WireModel):
    """A `@module.every` or `@module.cron`, its times as the manifest would write them."""

    name: str
    every: str | None
    cron: str | None
    file: str
    line: int


class Inspection(WireModel):
    """What the entry point turned out to be; `problem` says why it is of no use, `file` and `line` what is to blame."""

    endpoints: tuple[CodeEndpoint, ...] = ()
    handlers: tuple[CodeHandler, ...] = ()
    jobs: tuple[CodeJob, ...] = ()
    problem: str | None = None
    hint: str = ""
    file: str | None = None
    line: int | None = None
