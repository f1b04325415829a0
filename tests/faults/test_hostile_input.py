"""Input that cannot be used gets a sentence that says so, and the hub is as it was."""

from __future__ import annotations

import bz2
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lumina_sdk.contract import Problem

pytestmark = pytest.mark.processes

PAGE = """<page><title>{title}</title><ns>0</ns><id>{number}</id><revision><id>{number}</id>
<timestamp>2016-01-01T00:00:00Z</timestamp><text>{text}</text></revision></page>
"""
DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">
<siteinfo><sitename>Wikipedia</sitename><dbname>enwiki</dbname><base>https://en.wikipedia.org/wiki/Main_Page</base>
<namespaces><namespace key="0" case="first-letter" /></namespaces></siteinfo>
{pages}</mediawiki>
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory, models_dir, make_hub) -> Iterator:
    hub = make_hub(tmp_path_factory.mktemp("hostile") / "home", models_dir).start()
    yield hub
    assert hub.get("/status")["articles"] >= 0, "the hub did not survive"
    hub.stop()


def refused(response: httpx.Response, status: int) -> Problem:
    """The problem of a refusal, after checking that it is one a person can read."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(response.json())
    assert problem.detail
    return problem


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def page(title: str, number: int = 1, text: str | None = None) -> str:
    return PAGE.format(title=title, number=number, text=text or f"'''{title}''' is a village.")


def outcome(hub, source: Path, kind: str | None = None) -> str:
    """What the hub says of a source it cannot read: at once, or at the end of the job."""
    response = hub.client.post("/api/v1/ingest", json={"source": str(source), "kind": kind})
    if response.is_error:
        assert response.status_code in (400, 415, 422), response.text
        return refused(response, response.status_code).detail
    job = hub.until(f"/ingest/jobs/{response.json()['id']}", lambda job: job["finished_at"] is not None)
    assert job["state"] == "failed", job
    return job["error"]


def test_a_file_that_is_no_dump_is_refused_by_name(hub, tmp_path):
    said = outcome(hub, write(tmp_path / "letter.xml", b"Dear all, this is no dump.\n"), "mediawiki-dump")

    assert "letter.xml" in said


def test_of_a_truncated_bz2_everything_before_the_damage_goes_in(hub, tmp_path):
    before = hub.get("/status")["articles"]
    noise = random.Random(1)  # a comment that does not compress, so that the file has many blocks and little to index
    pages = "".join(
        page(f"Dorf{number}", number, f"Dorf{number} is a village. &lt;!-- {noise.randbytes(10_000).hex()} --&gt;")
        for number in range(1, 41)
    )
    whole = bz2.compress(DUMP.format(pages=pages).encode(), compresslevel=1)

    said = outcome(hub, write(tmp_path / "cut.xml.bz2", whole[: len(whole) * 2 // 3]))

    assert "cut.xml.bz2" in said
    assert hub.get("/status")["articles"] > before


def test_a_file_in_the_wrong_encoding_is_reported_and_the_rest_goes_in(hub, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    write(folder / "Bern.md", b"# Bern\n\nBern is a city.\n")
    write(folder / "Zürich.md".encode("ascii", "replace").decode(), b"\xff\xfe\x00\xd8# Z\xfcrich\n\n\x80\x81\x00\x00")

    job = hub.ingest(folder)

    assert job["state"] == "done"
    assert job["articles"] >= 1
    assert job["articles"] + job["skipped"] == 2


def test_a_line_of_fifty_megabytes_is_passed_over_by_title_and_the_rest_goes_in(hub, tmp_path):
    pages = page("Before", 1) + page("Endless", 2, "x" * 50_000_000) + page("After", 3)

    job = hub.ingest(write(tmp_path / "long.xml", DUMP.format(pages=pages).encode()))

    assert job["state"] == "done"
    assert job["articles"] == 2
    assert [problem["title"] for problem in job["problems"]] == ["Endless"]


def test_a_file_of_one_line_of_fifty_megabytes_is_reported(hub, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    write(folder / "Endless.txt", b"word " * 10_000_000)
    write(folder / "Chur.txt", b"Chur is a city.\n")

    job = hub.ingest(folder)

    assert (job["state"], job["articles"], job["skipped"]) == ("done", 1, 1)
    assert "MiB" in job["problems"][0]["reason"]


def test_a_source_that_is_not_there_is_refused(hub, tmp_path):
    assert (
        "nowhere" in refused(hub.client.post("/api/v1/ingest", json={"source": str(tmp_path / "nowhere")}), 400).detail
    )


@pytest.mark.parametrize("question", ["", "   ", "\n"])
@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/v1/search"])
def test_an_empty_question_is_refused(hub, path, question):
    refused(hub.client.post(path, json={"query": question}), 422)


@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/v1/search"])
def test_a_question_of_a_megabyte_is_refused(hub, path):
    assert refused(hub.client.post(path, json={"query": "why " * 262_144}), 413).hint


def test_a_body_that_is_not_json_is_refused(hub):
    refused(hub.client.post("/api/v1/chat", content=b"{ torn", headers={"content-type": "application/json"}), 422)


def test_a_session_nobody_began_has_no_turns(hub):
    response = hub.client.get("/api/v1/chat/turns", params={"session": "never-begun"})

    assert response.status_code == 404 or response.json()["turns"] == []


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer stale"}, {"Authorization": "Basic b3duZXI6"}])
def test_a_stale_token_is_refused_and_told_how_to_do_better(hub, header):
    response = httpx.get(f"{hub.client.base_url}/api/v1/status", headers=header)

    refused(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "path",
    [
        "/chat/turns/chat_20250501T171455Z_8af394",
        "/graph/articles/art_000000000000",
        "/graph/articles/art_000000000000/revisions",
        "/graph/articles/art_000000000000/links",
        "/ingest/jobs/job_000000000000",
        "/no/such/path",
    ],
)
def test_an_unknown_id_is_not_found(hub, path):
    refused(hub.client.get(f"/api/v1{path}"), 404)
