"""`python -m lumina_sdk.check.importing SRC ENTRYPOINT ANSWER`: write down what a module's code declares.

The program `inspection.py` starts; it holds nothing the checker needs for itself.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

from lumina_sdk.contract.inspection import Inspection

__all__ = ["look_at"]


def look_at(source: Path, entrypoint: str) -> Inspection:
    """Import the entry point and ask the `Module` it names what it declares."""
    from lumina_sdk.app import Module

    name, _, attribute = entrypoint.partition(":")
    sys.path.insert(0, str(source))
    try:
        found = getattr(importlib.import_module(name), attribute)
    except AttributeError as error:
        if error.name != attribute or getattr(error.obj, "__name__", None) != name:
            return _failed(name, error, source)
        return Inspection(problem=f"{name} has no {attribute!r}", hint=f"Write `{attribute} = Module()` in it.")
    except BaseException as error:  # a module may do anything at import, also exit
        return _failed(name, error, source)
    if not isinstance(found, Module):
        return Inspection(
            problem=f"{entrypoint} is a {type(found).__name__}, not a Module",
            hint="Make it with `lumina_sdk.app.Module()`.",
        )
    return found.inspection()


def _failed(name: str, error: BaseException, source: Path) -> Inspection:
    said = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(source)
    ]
    place = frames[-1] if frames else None
    hint = (
        f"Install {error.name!r}, or name it in pyproject.toml under dependencies."
        if isinstance(error, ModuleNotFoundError) and error.name and error.name != name.partition(".")[0]
        else "Make the entry point importable: it is the Python file under src/, and the name of the Module in it."
    )
    if isinstance(error, SyntaxError) and error.filename:
        return Inspection(
            problem=f"{name} cannot be imported: {said}", hint=hint, file=error.filename, line=error.lineno
        )
    return Inspection(
        problem=f"{name} cannot be imported: {said}",
        hint=hint,
        file=place.filename if place else None,
        line=place.lineno if place else None,
    )


def main() -> None:
    source, entrypoint, answer = sys.argv[1:]
    Path(answer).write_text(look_at(Path(source), entrypoint).model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
