"""Where modules are found, and that finding one runs nothing of it."""

from __future__ import annotations

import sys

from stevedore import NamedExtensionManager

from lumina_hub.registry.discovery import discover
from lumina_hub.registry.records import Installation, ModuleRecord
from lumina_sdk.contract import ModuleOrigin

LOUD = "raise SystemExit('this was imported')\n"


def test_folders_with_a_manifest_are_modules_and_hidden_ones_are_not(tmp_path, module):
    module("almanac", into=tmp_path)
    module(".build-1", into=tmp_path)
    (tmp_path / "notes").mkdir()

    found = discover(tmp_path, tmp_path, {})

    assert sorted(found) == ["almanac"]
    assert found["almanac"].origin is ModuleOrigin.FOLDER
    assert found["almanac"].sources == tmp_path / "almanac" / "src"


def test_a_distribution_beside_the_hub_is_found_without_running_it(tmp_path, module, monkeypatch):
    folder = module("almanac", code=LOUD)
    source = folder / "src"
    (source / "lumina_almanac" / "__init__.py").write_text(LOUD)
    info = source / "lumina_almanac-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lumina-almanac\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[lumina.modules]\nalmanac = lumina_almanac.app:module\n")
    monkeypatch.syspath_prepend(str(source))
    monkeypatch.setattr(NamedExtensionManager, "ENTRY_POINT_CACHE", {})

    found = discover(tmp_path / "none", tmp_path / "none", {})

    assert found["almanac"].origin is ModuleOrigin.ENTRY_POINT
    assert found["almanac"].manifest == folder / "manifest.yml"
    assert "lumina_almanac" not in sys.modules


def test_what_was_installed_counts_before_a_folder_and_what_is_linked_before_both(tmp_path, module):
    module("almanac", into=tmp_path)
    elsewhere = module("almanac")
    installed = Installation(version="0.1.0", environment="venv-0.1.0", manifest="lib/manifest.yml", source="almanac")

    first = discover(tmp_path, tmp_path, {"almanac": ModuleRecord(installed=installed)})
    second = discover(tmp_path, tmp_path, {"almanac": ModuleRecord(installed=installed, linked=str(elsewhere))})

    assert first["almanac"].environment == tmp_path / "almanac" / "venv-0.1.0"
    assert second["almanac"].sources == elsewhere / "src"
