from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lumina_hub.cli.failures import INTERRUPTED, Failure
from lumina_hub.cli.ingesting import ingest
from lumina_hub.cli.options import Globals

START, WATCH = "POST /api/v1/ingest", "GET /api/v1/ingest/jobs/j1"


def job(state: str, **fields: Any) -> dict[str, Any]:
    return {"id": "j1", "source": "notes", "kind": "folder", "state": state, "created_at": 1.0, **fields}


def test_an_ingest_waits_for_its_job_and_counts_what_went_in(hub: Any, tmp_path: Path) -> None:
    done = job("done", articles=1200, redirects=1, chunks=3400, skipped=2, problems=[{"title": "Odd", "reason": "bad"}])
    hub.answer(START, job("queued"))
    hub.answer(WATCH, [job("running", bytes_done=5, bytes_total=10), job("indexing", eta_s=3.0), done])

    result = hub.run("ingest", tmp_path)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Done: 1,200 articles, 1 redirect, 2 skipped, 3,400 passages indexed.",
        "  skipped Odd: bad",
        "  and 1 more skipped",
    ]


def test_progress_goes_to_stderr_in_plain_lines(hub: Any, tmp_path: Path) -> None:
    hub.answer(START, job("queued"))
    hub.answer(WATCH, [job("running", bytes_done=5, bytes_total=10, articles=7, chunks_per_s=80.4), job("done")])

    result = hub.run("ingest", tmp_path)

    assert "50%  7 articles, 80 passages/s" in result.stderr


def test_json_is_the_finished_job_and_nothing_else(hub: Any, tmp_path: Path) -> None:
    hub.answer(START, job("queued"))
    hub.answer(WATCH, job("done", articles=1))

    result = hub.run("ingest", tmp_path, "--json")

    assert json.loads(result.stdout)["articles"] == 1


def test_a_path_is_sent_whole_and_an_address_as_it_is(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.answer(START, job("queued"))
    hub.answer(WATCH, job("done"))
    (tmp_path / "notes").mkdir()
    monkeypatch.chdir(tmp_path)

    hub.run("ingest", "notes", "--kind", "folder")
    hub.run("ingest", "https://example.org/page")

    assert [body for method, _, body in hub.asked if method == "POST"] == [
        {"source": str(tmp_path / "notes"), "kind": "folder", "allow_private": False},
        {"source": "https://example.org/page", "allow_private": True},
    ]


def test_a_failed_job_is_a_failure_with_its_reason(hub: Any, tmp_path: Path) -> None:
    hub.answer(START, job("queued"))
    hub.answer(WATCH, job("failed", error="The disk is full.", hint="Make room."))

    result = hub.run("ingest", tmp_path, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "failed"
    assert result.stderr.endswith("lumina: The disk is full.\nMake room.\n")


def test_a_cancelled_job_is_a_failure(hub: Any, tmp_path: Path) -> None:
    hub.answer(START, job("queued"))
    hub.answer(WATCH, job("cancelled"))

    assert hub.run("ingest", tmp_path).exit_code == 1


async def test_stopping_cancels_the_job_and_says_how_to_go_on(hub: Any, tmp_path: Path) -> None:
    hub.answer(START, job("queued"))
    hub.answer(WATCH, job("running", articles=12))
    hub.answer("DELETE /api/v1/ingest/jobs/j1", job("cancelled", articles=12))
    work = asyncio.create_task(ingest(Globals(home=hub.home), str(tmp_path), None))
    async with asyncio.timeout(20):
        await hub.was_asked(WATCH)
        work.cancel()
        with pytest.raises(Failure) as stopped:
            await work

    assert stopped.value.status == INTERRUPTED
    assert "12 articles" in stopped.value.message
    assert f"lumina ingest {tmp_path}" in str(stopped.value.hint)
    assert [method for method, _, _ in hub.asked].count("DELETE") == 1
