"""A real hub in a real process, to be killed for real."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from lumina_core.drivers.vector_store import Record
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.graph.log import read_log

PATIENCE_S = 240.0
LUMINA = Path(sys.executable).with_name("lumina")


class Hub:
    """`lumina up` on one home. `kill` is SIGKILL; `start` again is what a user would do next."""

    def __init__(self, home: Path, models: Path, *flags: str) -> None:
        self.home = home
        self.flags = flags
        self.environment = {
            "PATH": os.environ["PATH"],
            "LUMINA_MODELS": str(models),
            "LUMINA_EMBEDDER_PRECISION": "int8",
            "LUMINA_INDEXER_NICENESS": "0",  # the machine that runs the tests may be busy with others
            "LUMINA_STARTER": "false",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client()

    def command(self, *arguments: str) -> list[str]:
        return [str(LUMINA), *arguments, "--home", str(self.home), *self.flags]

    def start(self) -> Hub:
        """Return once it takes requests."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "stderr.log").open("ab") as stderr:
            self.process = subprocess.Popen(
                self.command("up", "--port", "0", "--json"),
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self.environment,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the hub did not start: {(self.home / 'stderr.log').read_text()[-2000:]}"
        token = (self.home / "owner.token").read_text().strip()
        self.client.close()
        self.client = httpx.Client(
            base_url=json.loads(line)["url"], headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        return self

    def kill(self) -> None:
        """Let everything of it be gone before this returns, so that the next start meets no more than a corpse."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == [], "children outlived a killed hub"

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.client.close()

    def get(self, path: str, **parameters: Any) -> Any:
        response = self.client.get(f"/api/v1{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None) -> Any:
        response = self.client.post(f"/api/v1{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def until(self, path: str, condition: Callable[[Any], bool]) -> Any:
        """Ask until the answer fulfils the condition."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(answer := self.get(path)):
            assert time.monotonic() < deadline, f"{path} stays {answer}"
            time.sleep(0.02)
        return answer

    def until_ready(self) -> None:
        """Ask until it says that questions can be answered."""
        deadline = time.monotonic() + PATIENCE_S
        while self.client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, "the hub does not become ready"
            time.sleep(0.02)

    def ingest(self, source: Path, *, kind: str | None = None) -> Any:
        """Ingest to the end and return the job."""
        job = self.post("/ingest", {"source": str(source), "kind": kind})
        return self.until(f"/ingest/jobs/{job['id']}", lambda job: job["state"] in ("done", "failed", "cancelled"))

    def child(self, name: str) -> psutil.Process:
        """The child process whose command line holds a word."""
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            if name in " ".join(child.cmdline()):
                return child
        raise AssertionError(f"the hub has no child {name!r}")

    def log(self, stream: str) -> list[dict[str, Any]]:
        """The records of a stream of the log, as they lie on the disk."""
        return [entry.record for entry in read_log(self.home / "graphs", stream)]

    def indexed(self, collection: str) -> list[Record]:
        """Every point of a collection. Only after the hub has gone."""

        async def read() -> list[Record]:
            store = await EdgeStore.start(self.home / "index" / "edge")
            try:
                records: list[Record] = []
                after: str | None = None
                while True:
                    page, after = await store.scroll(collection, after=after, payload=("id",))
                    records += page
                    if after is None:
                        return records
            finally:
                await store.close()

        return asyncio.run(read())


@pytest.fixture(scope="session")
def make_hub() -> type[Hub]:
    return Hub


@pytest.fixture
def hub(tmp_path: Path, models_dir: Path) -> Iterator[Hub]:
    """A home with a hub that has not been started."""
    hub = Hub(tmp_path / "home", models_dir)
    yield hub
    hub.stop()


@pytest.fixture
def notes(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of small Markdown files, one article each, and return its path."""

    def write(names: Sequence[str], folder: str = "notes") -> Path:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        for name in names:
            words = (
                f"{name} is a village on the river {name}bach.\n\nThe church of {name} was built in {1500 + len(name)}."
            )
            (path / f"{name}.md").write_text(f"# {name}\n\n{words}\n\n## Trade\n\nThe people of {name} sell cheese.\n")
        return path

    return write


@contextmanager
def mounted_tmpfs(path: Path, size_kib: int) -> Iterator[Callable[[int], None]]:
    """A small file system; skips loudly where mounting is not permitted. Yields what changes its size."""
    path.mkdir(parents=True, exist_ok=True)
    command, undo = shutil.which("mount"), shutil.which("umount")
    if command is None or undo is None:
        pytest.skip("THE FULL DISK IS NOT TESTED: there is no mount command here")
    mount = [command, "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(path)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"THE FULL DISK IS NOT TESTED: mounting a tmpfs is not permitted here ({done.stderr.strip()})")

    def resize(size_kib: int) -> None:
        subprocess.run([command, "-o", f"remount,size={size_kib}k", str(path)], check=True)

    try:
        yield resize
    finally:
        subprocess.run([undo, "-l", str(path)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[int], None]]]:
    path = tmp_path / "disk"
    with mounted_tmpfs(path, 4 * 1024) as resize:
        yield path, resize
