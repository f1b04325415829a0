from __future__ import annotations

from typing import Any

ENTRY = {"ts": 0.0, "event": "refused", "by": "token:1", "allowed": False, "details": {"missing": "chat"}}


def test_the_log_is_a_table_newest_first(hub: Any) -> None:
    hub.answer("GET /api/v1/audit", {"entries": [ENTRY]})

    result = hub.run("audit", "--limit", "5", "--event", "refused", "--by", "token:1")

    assert result.stdout.splitlines()[1].split() == ["1970-01-01", "00:00:00", "refused", "token:1", "missing=chat"]
    assert hub.asked == [("GET", "/api/v1/audit", {"limit": "5", "event": "refused", "by": "token:1"})]


def test_an_empty_log_says_so(hub: Any) -> None:
    hub.answer("GET /api/v1/audit", {"entries": []})

    assert "Nothing" in hub.run("audit").stdout
