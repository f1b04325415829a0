"""A disk that is full: a clear error, nothing torn, and work goes on once there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.processes


def fill(ballast: Path, *, leaving_bytes: int) -> None:
    """Take all room of a disk but so many bytes."""
    with ballast.open("wb", buffering=0) as file:
        block = 64 * 1024
        while block:
            try:
                file.write(b"\0" * block)
            except OSError:
                block //= 2
        file.truncate(max(0, file.tell() - leaving_bytes))


def test_an_ingest_that_fills_the_disk_fails_clearly_and_succeeds_once_there_is_room(hub, notes, small_disk):
    disk, resize = small_disk
    hub.flags = ("--graphs", str(disk / "graphs"))
    hub.start()
    small = hub.ingest(notes(["Aarau"], folder="small"))
    assert small["state"] == "done", small
    fill(disk / "ballast", leaving_bytes=32 * 1024)
    names = [f"Dorf{number}" for number in range(10)]
    folder = notes(names)
    for file in folder.iterdir():
        file.write_text(file.read_text() + "\nThey also sell" + " wool" * 800 + ".\n")

    failed = hub.ingest(folder)
    answer = hub.client.post("/api/v1/search", json={"query": "Who built the church of Aarau?"})

    assert failed["state"] == "failed", failed
    assert "no room" in failed["error"]
    assert failed["hint"]
    assert answer.status_code == 200
    assert answer.json()["hits"][0]["title"] == "Aarau"

    resize(64 * 1024)
    hub.kill()
    hub.start()
    done = hub.ingest(folder)

    assert done["state"] == "done", done
    assert hub.get("/status")["articles"] == 1 + len(names)


def test_a_question_on_a_full_disk_is_refused_clearly_or_answered_and_kept(hub, notes, small_disk):
    disk, resize = small_disk
    hub.flags = ("--graphs", str(disk / "graphs"))
    hub.start()
    hub.ingest(notes(["Aarau"]))
    fill(disk / "ballast", leaving_bytes=0)

    refused = hub.client.post("/api/v1/chat", json={"query": "When was the church of Aarau built?"})
    resize(64 * 1024)
    answered = hub.client.post("/api/v1/chat", json={"query": "When was the church of Aarau built?"})

    assert refused.status_code == 507
    assert "no room" in refused.json()["detail"]
    assert answered.status_code == 200
    assert hub.get("/chat/turns")["turns"][0]["id"] == answered.json()["id"]
