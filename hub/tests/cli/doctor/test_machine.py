from __future__ import annotations

from pathlib import Path

import pytest

from lumina_hub.cli.doctor import machine
from lumina_hub.cli.doctor.check import State
from lumina_hub.cli.doctor.machine import clock, cpu_flags, landlock, namespaces, python
from lumina_hub.settings import Settings


def test_the_processor_names_its_features(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx_vnni\n\nprocessor\t: 1\nflags\t\t: other\n")

    assert cpu_flags(cpuinfo) == {"fpu", "avx2", "avx_vnni"}


def test_a_kernel_that_names_no_features_is_no_error(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "missing") == frozenset()


def test_the_running_python_is_good_enough(tmp_path: Path) -> None:
    assert python(Settings(home=tmp_path)).state is State.OK


@pytest.mark.parametrize(("day", "state"), [("2020/01/01", State.OK), ("2999/12/31", State.WARN)])
def test_a_clock_behind_the_log_is_seen(tmp_path: Path, day: str, state: State) -> None:
    (tmp_path / "graphs" / "articles" / day).mkdir(parents=True)

    assert clock(Settings(home=tmp_path)).state is state


@pytest.mark.parametrize(("abi", "state"), [(0, State.WARN), (4, State.WARN), (6, State.OK), (9, State.OK)])
def test_a_kernel_that_confines_modules_less_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abi: int, state: State
) -> None:
    monkeypatch.setattr(machine, "landlock_abi", lambda: abi)

    assert landlock(Settings(home=tmp_path)).state is state


def test_whether_modules_get_a_root_of_their_own_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = namespaces(Settings(home=tmp_path))
    monkeypatch.setattr(machine, "_TRY_NAMESPACES", "raise SystemExit(1)")
    forbidden = namespaces(Settings(home=tmp_path))

    assert tried.state in (State.OK, State.WARN)
    assert forbidden.state is State.WARN
    assert "Redis" in (forbidden.hint or "")
