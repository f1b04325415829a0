"""Wheels, environments, and what pip says when it cannot."""

from __future__ import annotations

import asyncio
import subprocess
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from lumina_core.errors import InvalidInput
from lumina_hub.errors import InstallationFailed, InvalidModule
from lumina_hub.registry.installing import Installer, fetch_manifest
from lumina_hub.registry.pip import python_of
from lumina_hub.registry.wheels import pack, pack_installed


def quiet(line: str) -> None:
    pass


def run_in(environment: Path, code: str) -> str:
    done = subprocess.run(
        [python_of(environment), "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_what_is_installed_in_place_becomes_a_wheel(tmp_path):
    wheel = pack(distribution("lumina-sdk"), tmp_path)

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert "lumina_sdk/contract/manifest.py" in names
    assert "lumina_sdk/py.typed" in names
    assert not [name for name in names if name.endswith((".pyc", ".pth"))]
    assert f"lumina_sdk-{distribution('lumina-sdk').version}.dist-info/RECORD" in names


def test_wheels_nothing_needs_any_more_are_removed(tmp_path):
    (tmp_path / "old-1.0-py3-none-any.whl").write_bytes(b"")

    pack_installed(["packaging"], tmp_path)

    assert [path.name.split("-")[0] for path in tmp_path.iterdir()] == ["packaging"]


@pytest.mark.processes
async def test_a_module_is_installed_with_all_it_needs_and_no_index(tmp_path, module, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    installer = Installer(tmp_path / "modules")

    async with installer.build(str(module("almanac")), quiet) as built:
        installation = await installer.install(built, quiet)

    found = installer.found("almanac", installation)
    assert installation.environment == "venv-0.1.0"
    assert found.manifest is not None
    assert found.manifest.is_file()
    assert found.environment is not None
    assert run_in(
        found.environment, "import lumina_almanac.app; print(lumina_almanac.app.module.endpoints[0].path)"
    ) == ("/api/v1/almanac")
    assert Path(run_in(found.environment, "import lumina_sdk; print(lumina_sdk.__path__[0])")).is_relative_to(tmp_path)


@pytest.mark.processes
async def test_a_package_that_does_not_build_leaves_nothing_behind(tmp_path, module, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = module("almanac")
    (folder / "pyproject.toml").write_text("[project\n")
    installer = Installer(tmp_path / "modules")

    with pytest.raises(InstallationFailed):
        async with installer.build(str(folder), quiet):
            pytest.fail("it was built")

    assert [path.name for path in (tmp_path / "modules").iterdir()] == [".wheels"]


@pytest.mark.processes
async def test_a_need_that_is_not_to_be_had_is_named_and_the_environment_removed(tmp_path, module, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = module("almanac")
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('"lumina-sdk[module]"', '"lumina-sdk", "no-such-thing-here"'))
    installer = Installer(tmp_path / "modules")

    async with installer.build(str(folder), quiet) as built:
        with pytest.raises(InstallationFailed, match="no-such-thing-here"):
            await installer.install(built, quiet)

    assert list((tmp_path / "modules" / "almanac").iterdir()) == []


@pytest.mark.processes
async def test_a_manifest_that_is_not_as_it_should_be_is_refused_before_anything_is_installed(tmp_path, module):
    folder = module("almanac", permissions=["read:grph"])
    installer = Installer(tmp_path / "modules")

    with pytest.raises(InvalidModule) as refused:
        async with installer.build(str(folder), quiet):
            pytest.fail("it was taken")

    assert [finding.code for finding in refused.value.findings]
    assert "read:grph" in refused.value.message


@pytest.mark.processes
async def test_breaking_off_an_installation_leaves_no_environment(tmp_path, module):
    installer = Installer(tmp_path / "modules")
    begun = asyncio.Event()

    def report(line: str) -> None:
        if line == "Installing what it needs":
            begun.set()

    async with installer.build(str(module("almanac")), quiet) as built:
        task = asyncio.create_task(installer.install(built, report))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert list((tmp_path / "modules" / "almanac").iterdir()) == []


async def test_a_url_nobody_answers_at_is_named():
    with pytest.raises(InvalidInput, match="cannot be read"):
        await fetch_manifest("http://127.0.0.1:9/manifest.yml")
