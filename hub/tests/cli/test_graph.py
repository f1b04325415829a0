from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse, StreamingResponse

GRAPH = "/api/v1/graph"
ALABAMA = {"id": "art_0123456789ab", "title": "Alabama", "url": "", "source": "wiki", "revision": "3", "ts": 0.0}
ONE = f"{GRAPH}/articles/{ALABAMA['id']}"


def revisions(*names: str) -> dict[str, Any]:
    listed = [{"revision": name, "ts": 0.0, "current": name == names[-1]} for name in names]
    return {"article": ALABAMA["id"], "revisions": listed}


def difference(text: str = "--- 2\n+++ 3\n@@ -1 +1 @@\n-old [1]\n+new") -> dict[str, Any]:
    return {"article": ALABAMA["id"], "from_revision": "2", "to_revision": "3", "diff": text}


def test_the_log_is_a_table_newest_first(hub: Any) -> None:
    entry = {"kind": "articles", "day": "2026/11/22", "offset": 9, "event": "article", "id": ALABAMA["id"]}
    hub.answer(f"GET {GRAPH}/log", {"entries": [{**entry, "title": "Alabama", "revision": "3", "ts": 0.0}]})

    result = hub.run("graph", "log", "--limit", "5", "--kind", "articles")

    assert result.stdout.split()[-6:] == ["1970-01-01", "00:00:00", "article", ALABAMA["id"], "Alabama", "3"]
    assert hub.asked == [("GET", f"{GRAPH}/log", {"limit": "5", "kind": "articles"})]


def test_a_diff_compares_the_newest_two_unless_told_otherwise(hub: Any) -> None:
    hub.answer(f"GET {GRAPH}/articles", {"articles": [ALABAMA, {**ALABAMA, "id": "art_x", "title": "Alabama River"}]})
    hub.answer(f"GET {ONE}/revisions", revisions("1", "2", "3"))
    hub.answer(f"GET {ONE}/diff", difference())

    newest = hub.run("graph", "diff", "alabama")
    hub.run("graph", "diff", ALABAMA["id"], "--to", "2")
    hub.run("graph", "diff", ALABAMA["id"], "--from", "1", "--to", "3")

    assert newest.stdout.splitlines() == ["--- 2", "+++ 3", "@@ -1 +1 @@", "-old [1]", "+new"]
    compared = [body for _, path, body in hub.asked if path.endswith("/diff")]
    assert compared == [{"from": "2", "to": "3"}, {"from": "1", "to": "2"}, {"from": "1", "to": "3"}]


def test_an_article_with_one_revision_has_nothing_to_compare(hub: Any) -> None:
    hub.answer(f"GET {ONE}/revisions", revisions("1"))

    result = hub.run("graph", "diff", ALABAMA["id"])

    assert result.exit_code == 1
    assert "nothing to compare" in result.stderr


def test_nothing_stands_before_the_first_revision(hub: Any) -> None:
    hub.answer(f"GET {ONE}/revisions", revisions("1", "2"))

    assert hub.run("graph", "diff", ALABAMA["id"], "--to", "1").exit_code == 2


def test_an_unknown_title_comes_with_those_that_are_near(hub: Any) -> None:
    near = [{**ALABAMA, "title": "Alabama River"}, {**ALABAMA, "title": "Alabama claims"}]
    hub.answer(f"GET {GRAPH}/articles", {"articles": near})

    result = hub.run("graph", "show", "Alabama")

    assert result.exit_code == 1
    assert "'Alabama River', 'Alabama claims'" in result.stderr


def test_an_article_is_shown_with_its_text_as_it_stands(hub: Any) -> None:
    whole = {**ALABAMA, "summary": "", "fingerprint": "", "text": "A [bold] state.\n\n[/] The end."}
    hub.answer(f"GET {ONE}", whole)

    result = hub.run("graph", "show", ALABAMA["id"], "--revision", "2")

    assert "A [bold] state.\n\n[/] The end." in result.stdout
    assert hub.asked == [("GET", ONE, {"revision": "2"})]


def test_restore_takes_a_point_or_an_article_and_its_revision(hub: Any) -> None:
    hub.answer(f"POST {GRAPH}/restore", {"restored": 3, "deleted": 1})
    hub.answer(f"POST {ONE}/restore", {"restored": 1})

    whole = hub.run("graph", "restore", "before the clean-up")
    hub.run("graph", "restore", ALABAMA["id"], "2")

    assert whole.stdout.startswith("3 brought back, 1 removed.")
    assert [body for _, _, body in hub.asked] == [{"point": "before the clean-up"}, {"revision": "2"}]


def test_recovery_points_are_made_and_listed(hub: Any) -> None:
    hub.answer(f"POST {GRAPH}/recovery-points", {"name": "now", "ts": 0.0})
    hub.answer(f"GET {GRAPH}/recovery-points", {"points": [{"name": "now", "ts": 0.0}]})

    saved, listed = hub.run("graph", "save", "now"), hub.run("graph", "points")

    assert "lumina graph restore 'now'" in saved.stdout
    assert listed.stdout == "1970-01-01 00:00:00  now\n"


def test_export_goes_to_stdout_byte_for_byte(hub: Any) -> None:
    hub.answer(f"GET {GRAPH}/export", {"nodes": [], "links": []})

    assert json.loads(hub.run("graph", "export").stdout) == {"nodes": [], "links": []}


def test_an_export_to_a_file_appears_whole_or_not_at_all(hub: Any, tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b'{"nodes": ['
        raise ConnectionResetError

    out = tmp_path / "graph.json"
    hub.answer(f"GET {GRAPH}/export", [{"nodes": []}, StreamingResponse(breaks()), {"nodes": []}])

    whole = hub.run("graph", "export", "--out", out)
    kept = out.read_bytes()
    broken = hub.run("graph", "export", "--out", out)

    assert (whole.exit_code, whole.stdout) == (0, "")
    assert broken.exit_code == 1
    assert out.read_bytes() == kept
    assert [path.name for path in tmp_path.glob("graph*")] == ["graph.json"]


def test_an_unknown_id_is_a_failure_in_the_hubs_words(hub: Any) -> None:
    problem = {
        "type": "/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such article.",
    }
    hub.answer(f"GET {ONE}", JSONResponse(problem, status_code=404))

    result = hub.run("graph", "show", ALABAMA["id"])

    assert (result.exit_code, result.stderr) == (1, "lumina: There is no such article.\n")


def test_a_large_export_arrives_whole(hub: Any) -> None:
    hub.answer(f"GET {GRAPH}/export", StreamingResponse(iter([b"x" * 65_536] * 64)))

    result = hub.run("graph", "export")

    assert result.exit_code == 0
    assert len(result.stdout) == 64 * 65_536
