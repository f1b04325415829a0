from __future__ import annotations

from pathlib import Path

import pytest

from lumina_core.graph.layout import ARTICLES
from lumina_core.graph.reader import read_log
from lumina_sdk.contract import JobState

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_job_is_acknowledged_followed_and_done_when_all_can_be_found(hub: Hub, notes: Path) -> None:
    (notes / "one.md").write_text("# Potorooism\n\nPotorooism holds that potoroos are best.\n")
    (notes / "broken.md").write_bytes(b"\xff\xfe\x00\xd8 not text \x00")

    response = await hub.client.post("/api/v1/ingest", json={"source": str(notes)})
    job = await hub.ended(response.json()["id"])

    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/ingest/jobs/{job.id}"
    assert job.state is JobState.DONE, job.error
    assert job.articles == 1
    assert [problem.title for problem in job.problems] == ["broken.md"]
    assert job.bytes_done == job.bytes_total
    assert job.finished_at is not None
    hits = (await hub.client.post("/api/v1/search", json={"query": "potorooism"})).json()["hits"]
    assert hits[0]["title"] == "Potorooism"


async def test_the_same_source_twice_changes_nothing(hub: Hub, notes: Path) -> None:
    (notes / "one.md").write_text("# Bettongism\n\nBettongism is quiet.\n")
    await hub.ingest(notes)
    before = [entry.position for entry in read_log(hub.home / "graphs", ARTICLES)]

    again = await hub.ingest(notes)

    assert (again.articles, again.unchanged) == (0, 1)
    assert [entry.position for entry in read_log(hub.home / "graphs", ARTICLES)] == before


async def test_a_new_revision_is_found_and_the_old_one_is_not(hub: Hub, notes: Path) -> None:
    for word in ("zyzzogeton", "zyxomma"):
        (notes / "one.md").write_text(f"# Insectarium\n\nIn this insectarium lives one {word}.\n")
        await hub.ingest(notes)

    hits = (await hub.client.post("/api/v1/search", json={"query": "Insectarium zyzzogeton zyxomma"})).json()["hits"]

    texts = [hit["text"] for hit in hits if hit["title"] == "Insectarium"]
    assert len(texts) == 1
    assert "zyxomma" in texts[0]


async def test_jobs_are_listed_newest_first(hub: Hub, notes: Path) -> None:
    (notes / "one.md").write_text("# Gliderism\n\nGliderism is airy.\n")
    job = await hub.ingest(notes)

    listed = (await hub.client.get("/api/v1/ingest/jobs")).json()["jobs"]

    assert listed[0]["id"] == job.id
    created = [row["created_at"] for row in listed]
    assert created == sorted(created, reverse=True)


async def test_a_job_that_has_ended_stays_as_it_is_when_cancelled(hub: Hub, notes: Path) -> None:
    (notes / "one.md").write_text("# Cuscusism\n\nCuscusism is slow.\n")
    job = await hub.ingest(notes)

    response = await hub.client.delete(f"/api/v1/ingest/jobs/{job.id}")

    assert response.json()["state"] == "done"


async def test_an_unknown_job_is_a_404(hub: Hub) -> None:
    for method in ("GET", "DELETE"):
        response = await hub.client.request(method, "/api/v1/ingest/jobs/job_none")
        assert response.status_code == 404


@pytest.mark.parametrize(
    ("source", "kind", "problem"),
    [
        ("/nowhere/at/all.xml", None, "invalid-input"),
        ("relative/path", None, "invalid-input"),
        ("https://", None, "invalid-input"),
        ("/", "no-such-kind", "invalid-input"),
        ("/nowhere/at/all.xml", "mediawiki-dump", "unreadable-source"),
    ],
)
async def test_what_cannot_be_a_source_is_refused_at_once(
    hub: Hub, source: str, kind: str | None, problem: str
) -> None:
    response = await hub.client.post("/api/v1/ingest", json={"source": source, "kind": kind})

    assert response.status_code == 400, response.text
    assert response.json()["type"] == f"/problems/{problem}"
    assert response.json()["hint"]


async def test_a_file_that_is_no_dump_fails_with_a_sentence_and_a_hint(hub: Hub, tmp_path: Path) -> None:
    dump = tmp_path / "not-a-dump.xml"
    dump.write_text("<html>nothing of the kind</html>")

    response = await hub.client.post("/api/v1/ingest", json={"source": str(dump), "kind": "mediawiki-dump"})

    if response.status_code == 202:
        job = await hub.ended(response.json()["id"])
        assert job.state is JobState.FAILED
        assert job.error
    else:
        assert response.json()["type"] == "/problems/unreadable-source"
