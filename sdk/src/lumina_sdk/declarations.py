"""What a module's code declares: endpoints, event handlers and jobs."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from lumina_sdk.contract.events import Event

__all__ = ["DeclaredEndpoint", "EventHandler", "Handler", "Job", "place_of"]

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class DeclaredEndpoint:
    """A function that answers requests. `status` is that of an answer that is no `Response` of its own."""

    method: str
    path: str
    function: Handler
    status: int | None = None
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class EventHandler:
    """A function that is given events of `stream`, up to `concurrency` at one time.

    `data` is the model its argument is annotated with, None where it takes the `Event` itself.
    """

    stream: str
    function: Callable[[Any], Awaitable[None]]
    data: type[BaseModel] | None
    concurrency: int = 1
    lease_s: float = 60

    @classmethod
    def of(cls, stream: str, function: Handler, *, concurrency: int, lease_s: float) -> EventHandler:
        """Read what the function takes off its annotation.

        Raises:
            TypeError: it is not `async`, or takes something else than one `Event` or one pydantic model.
        """
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} handles events, so write it `async def`")
        parameters = list(inspect.signature(function).parameters)
        try:
            kind = typing.get_type_hints(function).get(parameters[0]) if len(parameters) == 1 else None
        except NameError as error:
            raise TypeError(
                f"{function.__qualname__} is annotated with {error.name!r}, which is not known where it stands; define "
                "the model at the top of the file"
            ) from error
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            raise TypeError(
                f"{function.__qualname__} must take one argument, annotated with Event or with a pydantic model of the "
                "event's data"
            )
        return cls(stream, function, None if issubclass(kind, Event) else kind, concurrency, lease_s)


@dataclass(frozen=True, slots=True)
class Job:
    """A function that is run at set times, written as the manifest writes them: `every` or `cron`."""

    name: str
    function: Callable[[], Awaitable[object]]
    every: str | None = None
    cron: str | None = None


def place_of(function: Handler) -> tuple[str, int]:
    """The file and line a function stands at; ("", 0) for one without source."""
    try:
        inner = inspect.unwrap(function)
        return inspect.getsourcefile(inner) or "", inspect.getsourcelines(inner)[1]
    except (OSError, TypeError):
        return "", 0
