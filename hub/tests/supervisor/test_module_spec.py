from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from lumina_hub.supervisor.module_spec import limits_of, paths_of
from lumina_hub.supervisor.spec import ProcessLimits
from lumina_sdk.contract.manifest import Limits


def test_of_this_interpreter_the_folders_of_its_packages_are_named() -> None:
    paths = paths_of(Path(sys.executable))

    assert any((path / "lumina_hub").is_dir() for path in paths)
    assert Path(sys.prefix) in paths


def test_the_folder_python_was_started_in_is_not_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    assert tmp_path not in paths_of(Path(sys.executable))


def test_of_another_environment_nothing_is_run(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    [packages] = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "evil.pth").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")

    paths = paths_of(tmp_path / "env" / "bin" / "python")

    assert paths == (tmp_path / "env", Path(sys.base_prefix))
    assert not (tmp_path / "ran").exists()


def test_a_manifest_sets_limits_and_ours_hold_for_the_rest() -> None:
    assert limits_of(Limits()) == ProcessLimits()
    set_ones = limits_of(Limits(memory_mb=64, processes=3, open_files=40, disk_mb=5))
    assert set_ones == ProcessLimits(64 << 20, 3, 40, 5 << 20)
