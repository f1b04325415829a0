from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lumina_core.errors import HomeLocked, InvalidInput
from lumina_hub.home import Home, HubAddress

HOLDER = """
import sys, time
from pathlib import Path
from lumina_hub.home import Home, HubAddress
home = Home.open(Path(sys.argv[1]))
with home.lock(now=1764000000.0):
    home.write_address(HubAddress(pid=1, url="http://127.0.0.1:1234", since=1.0))
    print("held", flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def hold(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    assert mode(Home.open(tmp_path / "a" / "home").path) == 0o700


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "home").touch()

    with pytest.raises(InvalidInput, match="not a directory"):
        Home.open(tmp_path / "home")


def test_the_owners_token_is_made_once_and_readable_by_its_owner_only(home: Path) -> None:
    opened = Home.open(home)

    token = opened.owner_token()

    assert re.fullmatch(r"lum_[A-Za-z0-9_-]{43}", token)
    assert mode(opened.token_path) == 0o600
    assert opened.owner_token() == opened.read_owner_token() == token


def test_a_token_file_open_to_others_is_closed_to_them(home: Path) -> None:
    opened = Home.open(home)
    token = opened.owner_token()
    opened.token_path.chmod(0o644)

    assert opened.owner_token() == token
    assert mode(opened.token_path) == 0o600


def test_an_empty_token_is_refused_rather_than_accepted(home: Path) -> None:
    opened = Home.open(home)
    opened.token_path.touch()

    with pytest.raises(InvalidInput, match="empty"):
        opened.owner_token()


def test_a_home_without_a_token_says_who_writes_it(home: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        Home.open(home).read_owner_token()

    assert "lumina up" in str(caught.value.hint)


@pytest.mark.processes
def test_a_second_holder_is_told_who_holds_the_home_since_when_and_where(home: Path) -> None:
    holder = hold(home)
    opened = Home.open(home)
    try:
        assert opened.is_locked()
        with pytest.raises(HomeLocked) as caught, opened.lock(now=0):
            pass
        message = caught.value.message
        assert f"process {holder.pid}" in message
        assert "since 2025-11-24 16:00:00 UTC" in message
        assert "http://127.0.0.1:1234" in message
        assert f"kill {holder.pid}" in str(caught.value.hint)
    finally:
        holder.communicate()


@pytest.mark.processes
def test_a_killed_holder_leaves_no_lock_behind_and_its_address_is_forgotten(home: Path) -> None:
    holder = hold(home)
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    opened = Home.open(home)
    assert opened.read_address() is not None

    with opened.lock(now=5.0):
        assert opened.read_address() is None
        assert json.loads((home / "lumina.lock").read_text())["pid"] == os.getpid()

    assert not opened.is_locked()


def test_the_address_is_gone_when_the_lock_is(home: Path) -> None:
    opened = Home.open(home)
    address = HubAddress(pid=os.getpid(), url="http://127.0.0.1:1", since=2.0)
    with opened.lock(now=1.0):
        opened.write_address(address)
        assert opened.read_address() == address

    assert opened.read_address() is None


def test_a_damaged_address_is_no_address(home: Path) -> None:
    opened = Home.open(home)
    (home / "hub.json").write_text("{")

    assert opened.read_address() is None
