"""The commands of `lumina plugin`, their arguments and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lumina_hub.cli.options import Globals, collect, command

__all__ = ["app"]

app = typer.Typer(
    help="Modules: write, check, install, allow and run them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)

Name = Annotated[str, typer.Argument(help="The module's name.")]
Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The module's folder.")]


@app.callback()
@collect
def _plugin(said: Globals) -> None:
    pass


@app.command()
@command
def init(
    said: Globals,
    name: Annotated[str | None, typer.Argument(help="Its name, in lower case with dashes.")] = None,
    variant: Annotated[
        str | None, typer.Option(help="endpoint: answers requests. worker: handles events. job: runs at set times.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for, in a sentence.")] = None,
    into: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where its folder goes.")] = Path(),
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing; take what was not given as it is.")
    ] = False,
) -> None:
    """Begin a module: a folder with a manifest, code, tests, a README and a CI file."""
    from lumina_hub.cli.plugin import writing

    writing.init(said, name, variant=variant, description=description, into=into, no_input=no_input)


@app.command()
@command
def validate(
    said: Globals,
    path: Folder = Path(),
    no_import: Annotated[bool, typer.Option("--no-import", help="Run none of its code.")] = False,
) -> None:
    """Show everything that is wrong with a module, with lines and hints; exit status 1 if it cannot be run."""
    from lumina_hub.cli.plugin import checking

    raise typer.Exit(checking.validate(said, path, import_code=not no_import))


@app.command("test")
@command
def run_tests(
    said: Globals,
    path: Folder = Path(),
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGUMENT", help="For pytest.")] = None,
) -> None:
    """Run a module's tests in an environment in its folder, `.venv`, which is made where it is missing."""
    from lumina_hub.cli.plugin import checking
    from lumina_hub.cli.running import run

    raise typer.Exit(run(checking.test(said, path, arguments or [])))


@app.command()
@command
def dev(said: Globals, path: Folder = Path()) -> None:
    """Run a module from its folder against the running hub, and again whenever a file changes, until Ctrl-C."""
    from lumina_hub.cli.plugin import developing
    from lumina_hub.cli.running import run

    run(developing.dev(said, path))


@app.command()
@command
def install(
    said: Globals,
    source: Annotated[str, typer.Argument(help="A folder, a wheel, a package, or the URL of a manifest.")],
) -> None:
    """Install a module into an environment of its own, or register one that runs elsewhere. It is not enabled yet."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.install(said, source))


@app.command()
@command
def enable(
    said: Globals,
    name: Name,
    grant_all: Annotated[bool, typer.Option("--grant-all", help="Allow all it asks for.")] = False,
) -> None:
    """Switch a module on. Whoever is there is asked whether it may do what it asks for."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.enable(said, name, grant_all=grant_all))


@app.command()
@command
def disable(said: Globals, name: Name) -> None:
    """Switch a module off. What it kept stays."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.change(said, name, "disable"))


@app.command()
@command
def restart(said: Globals, name: Name) -> None:
    """Start a module anew, out of a crash loop too."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.change(said, name, "restart"))


@app.command()
@command
def upgrade(
    said: Globals,
    name: Name,
    source: Annotated[str | None, typer.Argument(help="Default: where the present version came from.")] = None,
    grant_all: Annotated[bool, typer.Option("--grant-all", help="Allow all it asks for.")] = False,
) -> None:
    """Go over to another version. One that asks for more waits; one that does not start is taken out again."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.upgrade(said, name, source, grant_all=grant_all))


@app.command()
@command
def remove(
    said: Globals,
    name: Name,
    with_data: Annotated[bool, typer.Option("--data", help="Remove what it kept too.")] = False,
) -> None:
    """Remove a module that was installed or registered."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.remove(said, name, with_data=with_data))


@app.command("list")
@command
def list_(said: Globals) -> None:
    """List the modules there are."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.listing(said))


@app.command()
@command
def show(said: Globals, name: Name) -> None:
    """Show a module: its state, what it may do, its endpoints, its process."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.show(said, name))


@app.command()
@command
def logs(
    said: Globals,
    name: Name,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many lines.")] = 50,
) -> None:
    """Show what a module said last."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.logs(said, name, limit=limit))


@app.command()
@command
def grant(
    said: Globals,
    name: Name,
    scopes: Annotated[list[str] | None, typer.Argument(metavar="SCOPE", help="What to allow; nothing else.")] = None,
    version: Annotated[str | None, typer.Option("--for-version", help="Fail if this is not its version.")] = None,
) -> None:
    """Decide on what a module may do: these scopes and no others."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.grant(said, name, scopes or [], version=version))


@app.command()
@command
def config(
    said: Globals,
    name: Name,
    changes: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="What to set.")] = None,
    unset: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Go back to the default.")] = None,
) -> None:
    """Show a module's settings, or change some. The module is started anew with them."""
    from lumina_hub.cli.plugin import managing
    from lumina_hub.cli.running import run

    run(managing.config(said, name, changes or [], unset=unset or []))
