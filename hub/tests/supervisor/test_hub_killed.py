"""A hub that is killed takes its modules with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from .conftest import BOUND_S, MODULE

pytestmark = pytest.mark.processes

HUB = """
import asyncio, sys
import uvloop
from pathlib import Path
from prometheus_client import CollectorRegistry
from lumina_hub.supervisor.metrics import SupervisorMetrics
from lumina_hub.supervisor.module_spec import ModuleSpec, paths_of
from lumina_hub.supervisor.supervisor import Supervisor

class Token:
    text, lifetime_s = "token", 600.0

class Tokens:
    def for_module(self, slug, scopes):
        return Token()

async def main(home, script):
    registry = SupervisorMetrics(CollectorRegistry())
    supervisor = Supervisor(home, hub_socket=home / "hub.sock", tokens=Tokens(), metrics=registry)
    command = (sys.executable, "-P", str(script))
    spec = ModuleSpec("almanac", command, readable=(*paths_of(Path(sys.executable)), script.parent))
    status = await supervisor.start(spec)
    print(status.pid, status.state, flush=True)
    await asyncio.Event().wait()

uvloop.run(main(*map(Path, sys.argv[1:])))
"""


def test_a_module_ends_with_a_hub_that_is_killed(short_folder: Path) -> None:
    script = short_folder / "package" / "hostile.py"
    script.parent.mkdir()
    script.write_bytes(MODULE.read_bytes())
    home = short_folder / "home"
    home.mkdir()
    hub = subprocess.Popen([sys.executable, "-c", HUB, str(home), str(script)], stdout=subprocess.PIPE, text=True)
    assert hub.stdout is not None
    with hub:
        pid, state = hub.stdout.readline().split()
        keeper = psutil.Process(int(pid))
        processes = [keeper, *keeper.children(recursive=True)]
        hub.kill()

        _, alive = psutil.wait_procs(processes, BOUND_S)

    assert state == "ready"
    assert len(processes) >= 2
    assert alive == []
