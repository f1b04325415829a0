"""A module from its first line to its last, with the installed command, a real hub and real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

_BOUND_S = 280
_UNSOUND = "\nraise SystemExit('this version does not start')\n"


class Shell:
    """Someone at a shell, with a hub on a home of their own."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LUMINA_")}
        self.environment = {
            **kept,
            "LUMINA_HOME": str(self.home),
            "LUMINA_MODELS": str(models),
            "LUMINA_PORT": "0",
            "LUMINA_STARTER": "false",
            "PIP_NO_INDEX": "1",
        }
        self.hub: subprocess.Popen[bytes] | None = None
        self.url = ""

    def lumina(self, *arguments: str | Path, fails: bool = False) -> Any:
        """Run a command and give back what it says as JSON."""
        done = self.start(*arguments, "--json")
        out, err = done.communicate(timeout=_BOUND_S)
        assert (done.returncode != 0) is fails, f"lumina {arguments}: {done.returncode}\n{out.decode()}{err.decode()}"
        return json.loads(out) if out.strip() and not fails else err.decode()

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [Path(sys.executable).with_name("lumina"), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def up(self) -> None:
        self.hub = self.start("up", "--json")
        assert self.hub.stdout is not None
        self.url = json.loads(self.hub.stdout.readline())["url"]

    def down(self) -> None:
        if self.hub is not None:
            self.hub.send_signal(signal.SIGTERM)
            self.hub.communicate(timeout=_BOUND_S)
            self.hub = None

    def get(self, path: str, *, token: str | None = None) -> httpx.Response:
        token = token or (self.home / "owner.token").read_text().strip()
        return httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def edit(self, folder: Path, version: str, *, code: str = "", permission: str | None = None) -> None:
        """Make a new version of a module."""
        for file in ("manifest.yml", "pyproject.toml"):
            lines = (folder / file).read_text().splitlines(keepends=True)
            for number, line in enumerate(lines):
                if line.startswith("version"):
                    lines[number] = f"version: {version}\n" if file == "manifest.yml" else f'version = "{version}"\n'
                if permission and line == "permissions:\n":
                    lines[number] += f"  - {permission}\n"
            (folder / file).write_text("".join(lines))
        app = folder / "src" / f"lumina_{folder.name.replace('-', '_')}" / "app.py"
        app.write_text(app.read_text() + code)


@pytest.fixture
def shell(tmp_path: Path, models_dir: Path) -> Iterator[Shell]:
    here = Shell(tmp_path, models_dir)
    yield here
    here.down()


@pytest.mark.processes
@pytest.mark.timeout(900)
def test_a_module_goes_from_its_first_line_to_its_last(shell: Shell) -> None:
    folder = Path(shell.lumina("plugin", "init", "my-module", "--variant", "endpoint", "--no-input")["path"])
    folder = shell.folder / folder
    assert shell.lumina("plugin", "validate", folder)["findings"] == []
    assert shell.lumina("plugin", "test", folder)["ok"]

    shell.up()
    assert shell.lumina("plugin", "install", folder)["state"] == "validated"
    assert "asks for read:vector_store" in shell.lumina("plugin", "enable", "my-module", fails=True)
    assert shell.get("/api/v1/my-module/tea").status_code == 404

    enabled = shell.lumina("plugin", "enable", "my-module", "--grant-all")
    assert enabled["state"] == "active"
    assert shell.get("/api/v1/my-module/tea").json() == {"topic": "tea", "titles": []}
    stranger = shell.lumina("token", "create", "stranger", "--scope", "chat")["token"]
    refused = shell.get("/api/v1/my-module/tea", token=stranger)
    assert (refused.status_code, refused.json()["missing_scope"]) == (403, "read:my-module")
    operation = shell.get("/api/v1/openapi.json").json()["paths"]["/api/v1/my-module/{topic}"]["get"]
    assert operation["x-required-scopes"] == ["read:my-module"]
    assert "my-module.Articles" in json.dumps(operation["responses"]["200"])

    shell.edit(folder, "0.2.0", permission="read:graph")
    waiting = shell.lumina("plugin", "upgrade", "my-module")
    assert (waiting["version"], waiting["available_version"], waiting["available_asks"]) == (
        "0.1.0",
        "0.2.0",
        ["read:graph"],
    )
    granted = shell.lumina("plugin", "grant", "my-module", "read:graph", "read:vector_store")
    assert (granted["version"], granted["state"]) == ("0.2.0", "active")

    shell.edit(folder, "0.3.0", code=_UNSOUND)
    assert "The version 0.2.0 runs again" in shell.lumina("plugin", "upgrade", "my-module", fails=True)
    assert shell.get("/api/v1/my-module/tea").status_code == 200

    shell.down()
    shell.up()
    assert shell.lumina("plugin", "restart", "my-module")["version"] == "0.2.0"
    assert shell.get("/api/v1/my-module/tea").status_code == 200
    assert any(line["event"] == "process_ready" for line in shell.lumina("plugin", "logs", "my-module")["lines"])

    assert shell.lumina("plugin", "config", "my-module", "limit=5")["values"] == {"limit": 5}
    assert "limit" in shell.lumina("plugin", "config", "my-module", "limit=0", fails=True)

    assert shell.lumina("plugin", "disable", "my-module")["state"] == "disabled"
    assert shell.get("/api/v1/my-module/tea").status_code == 404
    shell.lumina("plugin", "remove", "my-module", "--data")
    assert shell.lumina("plugin", "list")["modules"] == []
    assert not (shell.home / "modules" / "my-module").exists()


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_module_is_run_from_its_folder_and_again_when_it_changes(shell: Shell) -> None:
    shell.lumina("plugin", "init", "my-module", "--variant", "endpoint", "--no-input")
    folder = shell.folder / "my-module"
    shell.up()

    developing = shell.start("plugin", "dev", folder, "--json")
    assert developing.stdout is not None
    lines = (json.loads(line) for line in developing.stdout)
    assert next(line["state"] for line in lines if "state" in line) == "active"
    assert shell.get("/api/v1/my-module/tea").json() == {"topic": "tea", "titles": []}

    app = folder / "src" / "lumina_my_module" / "app.py"
    app.write_text(app.read_text().replace("topic=topic", "topic=topic.upper()"))
    assert next(line["state"] for line in lines if "state" in line) == "active"
    assert shell.get("/api/v1/my-module/tea").json()["topic"] == "TEA"

    developing.send_signal(signal.SIGINT)
    developing.communicate(timeout=_BOUND_S)
    assert shell.lumina("plugin", "list")["modules"] == []
