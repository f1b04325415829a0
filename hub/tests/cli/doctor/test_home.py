from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from lumina_hub.cli.doctor.check import State
from lumina_hub.cli.doctor.home import home, lock, port
from lumina_hub.home import Home, HubAddress
from lumina_hub.settings import Settings


def test_a_home_that_is_yet_to_be_made_is_fine(tmp_path: Path) -> None:
    assert home(Settings(home=tmp_path / "new" / "home")).state is State.OK


def test_a_home_that_is_a_file_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert home(Settings(home=tmp_path / "file")).state is State.FAIL


def test_a_home_others_can_read_comes_with_the_command_that_mends_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    found = home(Settings(home=tmp_path))

    assert found.state is State.WARN
    assert found.hint == f"Keep them out: chmod go= {tmp_path}"


def test_a_home_of_ones_own_is_fine(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert home(Settings(home=tmp_path)).state is State.OK


def test_a_home_nobody_holds_says_so(tmp_path: Path) -> None:
    assert "nobody" in lock(Settings(home=tmp_path)).finding


def test_a_holder_that_does_not_answer_is_named(tmp_path: Path, free_port: int) -> None:
    here = Home.open(tmp_path)
    with here.lock(now=0.0):
        here.write_address(HubAddress(pid=os.getpid(), url=f"http://127.0.0.1:{free_port}", since=0.0))

        found = lock(Settings(home=tmp_path))

    assert found.state is State.WARN
    assert f"process {os.getpid()}" in found.finding


def test_a_free_port_is_fine(tmp_path: Path, free_port: int) -> None:
    assert port(Settings(home=tmp_path, port=free_port)).state is State.OK


def test_a_taken_port_is_seen(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = port(Settings(home=tmp_path, port=other.getsockname()[1]))

    assert found.state is State.WARN
    assert found.hint is not None


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
