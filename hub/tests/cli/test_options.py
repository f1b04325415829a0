from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lumina_core.errors import CoreError, HomeLocked, UnreadableSource
from lumina_hub.cli.failures import Failure
from lumina_hub.cli.options import Globals, collect, command


def application(*, fails_with: BaseException | None = None) -> tuple[typer.Typer, list[Globals]]:
    """A tree shaped like ours: a root, a command, and a command in a group. Commands note what they were told."""
    told: list[Globals] = []
    app = typer.Typer(pretty_exceptions_enable=False)
    group = typer.Typer()
    app.add_typer(group, name="group")

    @app.callback()
    @collect
    def root(said: Globals) -> None: ...

    @group.callback()
    @collect
    def middle(said: Globals) -> None: ...

    @app.command()
    @command
    def leaf(said: Globals, word: str = "") -> None:
        told.append(said)
        if fails_with is not None:
            raise fails_with

    @group.command("leaf")
    @command
    def inner(said: Globals) -> None:
        told.append(said)

    return app, told


@pytest.mark.parametrize(
    "arguments",
    [
        ["--home", "/h", "--port", "0", "--json", "leaf"],
        ["leaf", "--home", "/h", "--port", "0", "--json"],
        ["--home", "/h", "leaf", "--port", "0", "--json"],
        ["--json", "group", "--port", "0", "leaf", "--home", "/h"],
    ],
)
def test_the_shared_options_are_taken_before_and_after_the_command(arguments: list[str]) -> None:
    app, told = application()

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 0, result.output
    assert told == [Globals(home=Path("/h"), port=0, json=True)]


def test_an_option_nearer_the_end_wins() -> None:
    app, told = application()

    CliRunner().invoke(app, ["--home", "/first", "--port", "1", "leaf", "--home", "/second", "--port", "0"])

    assert told == [Globals(home=Path("/second"), port=0)]


def test_a_command_says_what_happened_and_what_to_do() -> None:
    app, _ = application(fails_with=HomeLocked("the home is held by process 7", hint="Stop it."))

    result = CliRunner().invoke(app, ["leaf"])

    assert result.exit_code == 1
    assert result.stderr == "lumina: the home is held by process 7\nStop it.\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CoreError("no"), 1),
        (Failure("no"), 1),
        (Failure("no", status=2), 2),
        (UnreadableSource("not a dump"), 2),
        (KeyboardInterrupt(), 130),
        (FileNotFoundError(2, "No such file or directory", "there"), 1),
        (ZeroDivisionError("division by zero"), 1),
    ],
)
def test_the_exit_status_tells_failed_from_misused(error: BaseException, status: int) -> None:
    app, _ = application(fails_with=error)

    assert CliRunner().invoke(app, ["leaf"]).exit_code == status


def test_an_unforeseen_error_shows_no_trace_unless_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = application(fails_with=ZeroDivisionError("division by zero"))

    quiet = CliRunner().invoke(app, ["leaf"])
    monkeypatch.setenv("LUMINA_DEBUG", "1")
    loud = CliRunner().invoke(app, ["leaf"])

    assert "division by zero" in quiet.stderr
    assert "Traceback" not in quiet.stderr
    assert isinstance(loud.exception, ZeroDivisionError)


def test_an_unknown_option_is_misuse() -> None:
    app, _ = application()

    assert CliRunner().invoke(app, ["leaf", "--hoem", "/h"]).exit_code == 2


def test_options_become_settings_with_the_environment_after_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LUMINA_PORT", "4000")
    monkeypatch.setenv("LUMINA_HOME", str(tmp_path / "elsewhere"))

    settings = Globals(home=tmp_path).settings()

    assert (settings.home, settings.port) == (tmp_path, 4000)


def test_the_debugging_switch_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMINA_DEBUG", "1")

    assert Globals().settings().port == 8000
    assert os.environ["LUMINA_DEBUG"] == "1"
