from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from lumina_core.graph.layout import ARTICLES
from lumina_core.graph.reader import read_log

from .conftest import PROGRAM, StartHub

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
QUESTION = {"query": "What is Lumina?"}


def ids(home: Path, stream: str) -> list[str]:
    return [entry.record["id"] for entry in read_log(home / "graphs", stream)]


def run_another(home: Path, port: int = 0) -> subprocess.CompletedProcess[str]:
    """Try to start a hub that cannot start."""
    command = [sys.executable, "-c", PROGRAM.replace('"port": 0', f'"port": {port}'), str(home), str(home / "models")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what tells nobody when it happens."""
    bound_s = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < bound_s
        time.sleep(0.1)


def test_a_hub_answers_streams_keeps_its_home_to_itself_and_stops_in_order(start_hub: StartHub) -> None:
    hub = start_hub()
    assert str(hub.home / "owner.token") in hub.banner
    named = json.loads((hub.home / "hub.json").read_text())
    assert (named["pid"], named["url"]) == (hub.process.pid, hub.url)

    answer = hub.client.post("/api/v1/chat", json=QUESTION).json()
    with hub.client.stream("POST", "/api/v1/chat", json=QUESTION | {"stream": True}) as response:
        names = [line for line in response.iter_lines() if line.startswith("event:")]
    assert names[0] == "event: start"
    assert names[-1] == "event: done"

    second = run_another(hub.home)
    assert second.returncode != 0
    assert f"process {hub.process.pid}" in second.stderr
    assert hub.url in second.stderr
    children = hub.children()

    assert hub.stop() == 0

    assert answer["id"] in ids(hub.home, "chat/turns")
    assert not (hub.home / "hub.json").exists()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def test_a_killed_hub_comes_back_with_every_acknowledged_turn_once(start_hub: StartHub) -> None:
    hub = start_hub()
    acknowledged: list[str] = []
    enough = threading.Event()

    def ask_until_it_dies(number: int) -> None:
        with httpx.Client(base_url=hub.url, headers=hub.client.headers, timeout=60, trust_env=False) as client:
            try:
                while True:
                    response = client.post("/api/v1/chat", json=QUESTION | {"session": f"s{number}"})
                    acknowledged.append(response.json()["id"])
                    if len(acknowledged) >= 20:
                        enough.set()
            except httpx.TransportError:
                pass

    threads = [threading.Thread(target=ask_until_it_dies, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert enough.wait(120)
    assert hub.kill() == []
    for thread in threads:
        thread.join()

    again = start_hub()

    kept = ids(again.home, "chat/turns")
    assert len(kept) == len(set(kept))
    assert set(acknowledged) <= set(kept)
    for turn in acknowledged[-3:]:
        assert again.client.get(f"/api/v1/chat/turns/{turn}").status_code == 200
    assert again.client.get("/api/v1/status").json()["turns"] == len(kept)
    assert again.stop() == 0


def test_a_job_goes_on_in_the_hub_after_the_killed_one(start_hub: StartHub, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for number in range(150):
        (notes / f"{number:03}.md").write_text(
            f"# Moth {number}\n\nMoth number {number} likes lamp {number * 7}.\n" * 3
        )
    hub = start_hub()
    job = hub.client.post("/api/v1/ingest", json={"source": str(notes)}).json()["id"]
    eventually(lambda: hub.client.get(f"/api/v1/ingest/jobs/{job}").json()["state"] != "queued")
    assert hub.kill() == []

    again = start_hub()

    eventually(lambda: again.client.get(f"/api/v1/ingest/jobs/{job}").json()["finished_at"] is not None)
    assert again.client.get(f"/api/v1/ingest/jobs/{job}").json()["state"] == "done"
    moths = [entry.record for entry in read_log(again.home / "graphs", ARTICLES) if entry.record["source"] != "lumina"]
    assert len(moths) == len({record["id"] for record in moths}) == 150
    hits = again.client.get("/api/v1/search", params={"query": "Moth 123"}).json()["hits"]
    assert hits[0]["title"] == "Moth 123"
    assert again.stop() == 0


def test_an_answer_arrives_while_redis_is_being_killed(start_hub: StartHub) -> None:
    hub = start_hub()
    for number in range(3):
        redis = next(child for child in hub.children() if "redis-server" in " ".join(child.cmdline()))
        redis.kill()

        response = hub.client.post("/api/v1/chat", json=QUESTION | {"session": "steady"})

        assert response.status_code == 200, response.text
        assert response.json()["id"] in ids(hub.home, "chat/turns")
        psutil.wait_procs([redis], timeout=60)
        turns = hub.client.get("/api/v1/chat/turns", params={"session": "steady"}).json()["turns"]
        assert len(turns) == number + 1
    assert hub.stop() == 0


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        second = run_another(tmp_path / "home", port=port)

    assert second.returncode != 0
    assert f"another program listens on 127.0.0.1 port {port}" in second.stderr
    assert not (tmp_path / "home" / "graphs").exists()
