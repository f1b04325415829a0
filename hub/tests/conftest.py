"""What every test of the hub shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lumina_hub.settings import Settings, seed_names
from lumina_hub.settings_sources import load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LUMINA_") or name in seed_names()]:
        if not name.startswith("LUMINA_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings({"home": home}, {})
