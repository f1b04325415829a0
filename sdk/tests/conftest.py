"""A module that is right, to be made wrong in one way at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MANIFEST = """\
name: almanac
version: 0.1.0
description: Sayings for every day.
api_version: "1.0"
dependencies:
  - lumina-core >= 0.1.0
endpoints:
  - path: /api/v1/almanac/{day}
    method: GET
    description: Say something about a day.
    scopes: [read:almanac, read:graph]
permissions:
  - read:graph
  - read:events!stream=graph:add
  - write:events!stream=almanac:said
scopes:
  - name: read:almanac
    description: Read sayings.
events:
  publishes: ["almanac:said"]
  subscribes: ["graph:add"]
schedule:
  - name: tidy
    every: 10m
config_schema:
  type: object
  properties:
    language: {type: string}
entrypoint: lumina_almanac.app:module
"""

CODE = """\
from lumina_sdk.app import Module
from lumina_sdk.contract import Event

module = Module()


@module.endpoint("GET", "/api/v1/almanac/{day}")
async def say(day: int) -> str:
    return f"day {day}"


@module.on("graph:add")
async def note(event: Event) -> None: ...


@module.every(minutes=10)
async def tidy() -> None: ...
"""

PYPROJECT = """\
[project]
name = "lumina-almanac"
version = "0.1.0"

[project.entry-points."lumina.modules"]
almanac = "lumina_almanac.app:module"
"""

Change = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Change:
    """Write the module, with `old` replaced by `new` in the file named; its folder is returned."""

    def write(old: str = "", new: str = "", *, file: str = "manifest.yml") -> Path:
        root = tmp_path / "almanac"
        texts = {
            "manifest.yml": MANIFEST,
            "pyproject.toml": PYPROJECT,
            "src/lumina_almanac/__init__.py": "",
            "src/lumina_almanac/py.typed": "",
            "src/lumina_almanac/app.py": CODE,
            "tests/test_app.py": "",
        }
        assert old in texts[file], f"{old!r} does not stand in {file}"
        texts[file] = texts[file].replace(old, new, 1) if old else texts[file]
        for name, text in texts.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return root

    return write
