"""`lumina plugin init`: a new module from the template."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.markup import escape

from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, print_json
from lumina_sdk.contract.names import Slug

__all__ = ["VARIANTS", "init"]

VARIANTS = ("endpoint", "worker", "job")
_TEMPLATE = "module_template"


def init(
    said: Globals, name: str | None, *, variant: str | None, description: str | None, into: Path, no_input: bool
) -> None:
    """Write a module's folder. What was not given is asked for, unless nobody is there to ask or wants to be."""
    from cookiecutter.exceptions import OutputDirExistsException
    from cookiecutter.main import cookiecutter

    asks = not no_input and not said.json and sys.stdin.isatty()
    if name is None and not asks:
        raise Failure("A module needs a name.", hint="lumina plugin init my-module", status=MISUSED)
    if name is not None:
        _check_name(name)
    if variant is not None and variant not in VARIANTS:
        raise Failure(f"There is no variant {variant!r}.", hint=f"Choose {', '.join(VARIANTS)}.", status=MISUSED)
    given = {"name": name, "variant": variant, "description": description}
    given = {key: value for key, value in given.items() if value is not None}
    try:
        with as_file(files("lumina_hub") / _TEMPLATE) as template:
            folder = Path(cookiecutter(str(template), no_input=not asks, extra_context=given, output_dir=str(into)))
    except OutputDirExistsException as error:
        raise Failure(
            f"There is a folder {into / (name or '')} already.", hint="Choose another name, or --dir.", status=MISUSED
        ) from error
    _check_name(folder.name)
    if said.json:
        written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        print_json({"name": folder.name, "path": str(folder), "files": written})
        return
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    data().print(f"Wrote {escape(str(shown))}. Next:")
    for command in ("validate", "test", "dev"):
        data().print(f"  lumina plugin {command} {escape(str(shown))}")


def _check_name(name: str) -> None:
    try:
        TypeAdapter(Slug).validate_python(name)
    except ValidationError as error:
        found = error.errors()[0]
        hint = found.get("ctx", {}).get("hint")
        raise Failure(found["msg"] + ".", hint=hint, status=MISUSED) from error
