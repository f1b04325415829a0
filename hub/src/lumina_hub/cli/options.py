"""The options every command takes, before its name or after it."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lumina_core.errors import CoreError
from lumina_hub.cli.failures import FAILED, INTERRUPTED, Failure, from_error
from lumina_hub.errors import HubError

if TYPE_CHECKING:
    from lumina_hub.settings import Settings

__all__ = ["DEBUG", "SHARED", "Globals", "collect", "command"]

DEBUG = "LUMINA_DEBUG"
"""Set in the environment, it lets an error nobody foresaw out with its trace."""

_PANEL = "Every command"


@dataclass(frozen=True, slots=True)
class Globals:
    """What was said on the command line, None where nothing was: environment, file and default come after it."""

    home: Path | None = None
    graphs: Path | None = None
    host: str | None = None
    port: int | None = None
    json: bool = False

    def settings(self, **flags: object) -> Settings:
        """The settings these options, the environment and the file in the home make together.

        Raises:
            InvalidSettings: one of them cannot be used.
        """
        from lumina_hub.settings_sources import load_settings

        environ = {name: value for name, value in os.environ.items() if name != DEBUG}
        shared = {"home": self.home, "graphs": self.graphs, "host": self.host, "port": self.port}
        return load_settings({**shared, **flags}, environ)

    def over(self, other: Globals) -> Globals:
        """These options where they were given, else the other's: the ones nearer the command's end win."""
        chosen = {
            field.name: getattr(self, field.name) or getattr(other, field.name)
            for field in fields(Globals)
            if field.name != "port"
        }
        return Globals(**chosen, port=self.port if self.port is not None else other.port)


_OPTIONS: dict[str, Any] = {
    "home": Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", help="Where all state lives. [LUMINA_HOME]", rich_help_panel=_PANEL),
    ],
    "graphs": Annotated[
        Path | None,
        typer.Option(
            "--graphs", metavar="DIR", help="Where the graph log lives, if not in the home.", rich_help_panel=_PANEL
        ),
    ],
    "host": Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Address the hub listens on.", rich_help_panel=_PANEL),
    ],
    "port": Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=0, max=65535, help="Port it listens on.", rich_help_panel=_PANEL),
    ],
    "json": Annotated[
        bool,
        typer.Option("--json", help="Data as JSON on stdout, nothing else there.", rich_help_panel=_PANEL),
    ],
}

SHARED = frozenset(_OPTIONS)
"""The names of the options every command takes."""


def _with_options(function: Callable[..., Any], run: Callable[..., Any]) -> Callable[..., Any]:
    """Give `run` the signature typer reads: that of `function`, its `said` parameter replaced by the options above."""
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function, include_extras=True)
    own = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values() if p.name != "said"]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False if name == "json" else None, annotation=option
        )
        for name, option in _OPTIONS.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    vars(run).pop("__wrapped__", None)
    run.__signature__ = inspect.Signature([*own, *shared, context])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*own, *shared, context]}
    return run


def collect(function: Callable[..., None]) -> Callable[..., None]:
    """Make a group's callback take the shared options and keep them for the commands below it."""

    @functools.wraps(function)
    def run(*, context: typer.Context, **given: Any) -> None:
        said = _said(given, context)
        context.obj = said
        function(said=said, **given)

    return _with_options(function, run)


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function of `said: Globals` a command: it takes the shared options and fails in a sentence, no trace."""

    @functools.wraps(function)
    def run(*, context: typer.Context, **given: Any) -> None:
        said = _said(given, context)
        try:
            function(said=said, **given)
        except Failure as failure:
            raise typer.Exit(_report(failure)) from failure
        except (CoreError, HubError) as error:
            raise typer.Exit(_report(from_error(error))) from error
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(_report(Failure("Stopped.", status=INTERRUPTED))) from interrupt
        except BrokenPipeError as error:
            # The reader of our output went away (`| head`): whatever is still buffered goes nowhere, quietly.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from error
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            raise typer.Exit(_report(_unforeseen(error))) from error

    return _with_options(function, run)


def _said(given: dict[str, Any], context: typer.Context) -> Globals:
    here = Globals(**{name: given.pop(name) for name in _OPTIONS})
    return here.over(context.obj) if isinstance(context.obj, Globals) else here


def _unforeseen(error: Exception) -> Failure:
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return Failure(f"{error.strerror}{place}.", hint="Check that the path exists and that you may use it.")
    return Failure(
        f"Something inside Lumina went wrong: {type(error).__name__}: {error}",
        hint=f"Nothing acknowledged is lost. Run the command again with {DEBUG}=1 to see where, and report it.",
    )


def _report(failure: Failure) -> int:
    from lumina_hub.cli.output import complain

    complain(failure.message, failure.hint)
    return failure.status
