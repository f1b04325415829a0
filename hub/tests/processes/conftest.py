"""Hubs as real processes, sent real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

PROGRAM = """
import sys
from pathlib import Path
from lumina_hub.server import run
from lumina_hub.settings_sources import load_settings
home, models = map(Path, sys.argv[1:])
flags = {"home": home, "models": models, "port": 0, "embedder_precision": "int8", "indexer_niceness": 0}
run(load_settings(flags, {}), announce=lambda text: print(text, flush=True))
"""
_PATIENCE_S = 120


class HubProcess:
    """A hub that listens."""

    def __init__(self, home: Path, models: Path) -> None:
        self.home = home
        command = [sys.executable, "-c", PROGRAM, str(home), str(models)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LUMINA_")}
        self._errors = (home.parent / "stderr.txt").open("a+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment
        )
        self.banner = self._listening()
        self.url = self.banner.partition("ready at ")[2].split()[0]
        token = (home / "owner.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def _listening(self) -> str:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "lumina ingest" in line:
                return "".join(lines)
        raise AssertionError(f"the hub did not start: {''.join(lines)}{self.errors}")

    @property
    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        """SIGTERM, and wait."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> list[psutil.Process]:
        """SIGKILL, and wait until its children have noticed."""
        children = self.children()
        self.process.kill()
        self.ended()
        _, alive = psutil.wait_procs(children, timeout=_PATIENCE_S)
        return alive

    def ended(self) -> int:
        code = self.process.wait(timeout=_PATIENCE_S)
        self.client.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()
        return code


StartHub = Callable[[], HubProcess]


@pytest.fixture
def start_hub(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[StartHub]:
    """Starts a hub on the test's home, again if need be."""
    assert pytestconfig.cache is not None
    models = pytestconfig.cache.mkdir("lumina-models")
    started: list[HubProcess] = []

    def start() -> HubProcess:
        hub = HubProcess(tmp_path / "home", models)
        started.append(hub)
        return hub

    yield start
    for hub in started:
        if hub.process.poll() is None:
            hub.kill()
