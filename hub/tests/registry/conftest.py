"""Modules to find, install and run."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

WriteModule = Callable[..., Path]

APP = """
from lumina_sdk.app import Module

module = Module()


@module.endpoint("GET", "/api/v1/{slug}")
async def tell() -> dict[str, str]:
    return {{"version": "{version}"}}
"""


def manifest_of(slug: str, version: str = "0.1.0", **more: Any) -> dict[str, Any]:
    return {
        "name": slug,
        "version": version,
        "description": f"The module {slug}.",
        "api_version": "1.0",
        "endpoints": [
            {
                "path": f"/api/v1/{slug}",
                "method": "GET",
                "description": "Tell the version.",
                "scopes": [f"read:{slug}"],
            }
        ],
        "scopes": [{"name": f"read:{slug}", "description": "Read it."}],
        "entrypoint": f"lumina_{slug.replace('-', '_')}.app:module",
        **more,
    }


def write_module(folder: Path, slug: str, version: str = "0.1.0", *, code: str | None = None, **more: Any) -> Path:
    """A module's folder, as a developer would have it."""
    package = f"lumina_{slug.replace('-', '_')}"
    module = folder / slug
    source = module / "src" / package
    source.mkdir(parents=True, exist_ok=True)
    (module / "manifest.yml").write_text(yaml.safe_dump(manifest_of(slug, version, **more), sort_keys=False))
    (module / "pyproject.toml").write_text(
        textwrap.dedent(f"""\
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [project]
        name = "lumina-{slug}"
        version = "{version}"
        dependencies = ["lumina-sdk[module]"]

        [project.entry-points."lumina.modules"]
        {slug} = "{package}.app:module"

        [tool.hatch.build.targets.wheel]
        packages = ["src/{package}"]

        [tool.hatch.build.targets.wheel.force-include]
        "manifest.yml" = "{package}/manifest.yml"
        """)
    )
    (source / "__init__.py").write_text("")
    (source / "py.typed").write_text("")
    (source / "app.py").write_text(code if code is not None else APP.format(slug=slug, version=version))
    return module


@pytest.fixture
def module(tmp_path: Path) -> WriteModule:
    """Write a module's folder below the test's own; its name and more of its manifest are the test's to say."""

    def write(slug: str, version: str = "0.1.0", *, into: Path | None = None, **more: Any) -> Path:
        return write_module(into or tmp_path / "sources", slug, version, **more)

    return write


def endpoint(path: str, **more: Any) -> Mapping[str, Any]:
    return {"path": path, "method": "GET", "description": "Tell.", "scopes": ["read:graph"], **more}
