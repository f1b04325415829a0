from __future__ import annotations

import json
from typing import Any

START, WATCH = "POST /api/v1/reindex", "GET /api/v1/reindex"


def test_reindex_waits_until_the_index_has_caught_up(hub: Any) -> None:
    hub.answer(START, {"state": "running"})
    hub.answer(
        WATCH,
        [{"state": "running", "done": 1, "total": 4, "chunks_per_s": 90.0}, {"state": "idle", "done": 4, "total": 4}],
    )

    result = hub.run("reindex")

    assert (result.exit_code, result.stdout) == (0, "Rebuilt the index from the log: 4 articles.\n")
    assert "25%" in result.stderr


def test_reindex_that_fails_says_why(hub: Any) -> None:
    hub.answer(START, {"state": "running"})
    hub.answer(WATCH, {"state": "failed", "error": "The disk is full."})

    result = hub.run("reindex", "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("lumina: The disk is full.")


def test_reindex_in_json_is_the_last_state(hub: Any) -> None:
    hub.answer(START, {"state": "running"})
    hub.answer(WATCH, {"state": "idle", "done": 4, "total": 4})

    assert json.loads(hub.run("reindex", "--json").stdout)["done"] == 4
