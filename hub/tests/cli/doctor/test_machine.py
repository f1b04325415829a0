from __future__ import annotations

from pathlib import Path

import pytest

from lumina_hub.cli.doctor.check import State
from lumina_hub.cli.doctor.machine import clock, cpu_flags, python
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
