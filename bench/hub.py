"""Running a hub for a benchmark, and what its processes take."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

__all__ = ["Hub", "favour", "forget_pages", "hub_on", "memory", "percentiles"]

_PATIENCE_S = 120.0


@dataclass
class Hub:
    """A hub that answers. One connection, kept open: what a client on the same machine sees."""

    process: psutil.Process
    port: int
    token: str
    home: Path
    ready_s: float
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any], float]:
        """Status, body, and the milliseconds from the request to the last byte of the response."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        began = time.perf_counter()
        self.connection.request(method, path, data, headers)
        response = self.connection.getresponse()
        raw = response.read()
        took_ms = (time.perf_counter() - began) * 1e3
        return response.status, json.loads(raw) if raw[:1] in (b"{", b"[") else {}, took_ms

    def search(self, query: str) -> float:
        status, body, took_ms = self.call("POST", "/api/v1/search", {"query": query})
        assert status == 200, body
        return took_ms

    def chat(self, query: str) -> float:
        status, body, took_ms = self.call("POST", "/api/v1/chat", {"query": query})
        assert status == 200, body
        return took_ms

    def processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def hub_on(home: Path, *, autogroup: int | None = None) -> Iterator[Hub]:
    """Run `lumina up` on a home while the block runs; `ready_s` is from its start to the first 200 of `/readyz`."""
    command = [sys.executable, "-m", "lumina_hub.cli", "--home", str(home), "--port", "0", "up"]
    if not (Path(sys.executable).parent / "lumina").exists():
        raise SystemExit("run this with the interpreter of .venv")
    command = [str(Path(sys.executable).parent / "lumina"), "--home", str(home), "--port", "0", "up"]
    (home / "hub.json").unlink(missing_ok=True)
    began = time.perf_counter()
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    process = psutil.Process(started.pid)
    try:
        if autogroup is not None:
            favour(process.pid, autogroup)
        port = _ready(home, started, process, autogroup)
        ready_s = time.perf_counter() - began
        yield Hub(process, port, (home / "owner.token").read_text().strip(), home, ready_s)
    finally:
        started.terminate()
        started.wait(60)


def _ready(home: Path, started: subprocess.Popen[bytes], process: psutil.Process, autogroup: int | None) -> int:
    deadline = time.monotonic() + _PATIENCE_S
    seen: set[int] = set()
    while time.monotonic() < deadline:
        if started.poll() is not None:
            raise SystemExit(f"the hub ended with {started.returncode}: see {home / 'logs'}")
        if autogroup is not None:
            for child in process.children(recursive=True):
                if child.pid not in seen:
                    seen.add(child.pid)
                    if not _is_indexer(child):
                        favour(child.pid, autogroup)
        with contextlib.suppress(OSError, ValueError, KeyError, http.client.HTTPException):
            address = json.loads((home / "hub.json").read_text())
            port = int(address["url"].rstrip("/").rsplit(":", 1)[1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return port
        time.sleep(0.005)
    raise SystemExit("the hub did not become ready")


def _is_indexer(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "lumina_core.indexing" in process.cmdline()
    return False


def favour(pid: int, autogroup: int) -> None:
    """Give the session of a process another share of the processor than other sessions have; needs root below 0.

    On a machine that others use at the same time this comes nearer to what a machine of one's own would show.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(autogroup))


def percentiles(values: Sequence[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return {
        "p50": round(float(p50), 2),
        "p95": round(float(p95), 2),
        "p99": round(float(p99), 2),
        "max": round(max(values), 1),
        "n": len(values),
    }


def memory(processes: Sequence[psutil.Process]) -> dict[str, dict[str, int]]:
    """MiB by process. RSS counts shared pages in each, and pages of mapped files that the kernel may take back at any
    time; PSS shares them out; Anon is what nobody can take back."""
    answer: dict[str, dict[str, int]] = {}
    for process in processes:
        try:
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
            words = " ".join(process.cmdline())
        except (OSError, psutil.Error):
            continue
        values = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines}
        kinds = {"edge_process": "index", "lumina_core.indexing": "indexer", "redis-server": "redis", " up": "hub"}
        name = next((kind for part, kind in kinds.items() if part in words), words[-40:])
        answer[name] = {"rss": values["Rss"], "pss": values["Pss"], "anon": values["Anonymous"]}
    answer["sum"] = {kind: sum(each[kind] for each in answer.values()) for kind in ("rss", "pss", "anon")}
    return answer


def forget_pages(folder: Path) -> None:
    """Have the kernel drop the cached pages of every file below: the next start reads from the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
