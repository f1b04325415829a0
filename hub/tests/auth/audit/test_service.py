from __future__ import annotations

import json

import pytest

from lumina_core.errors import InvalidInput
from lumina_core.graph.log import GraphLog
from lumina_hub.auth.audit.events import AUDIT, AuditEvent
from lumina_hub.auth.audit.service import Audit

PASSWORD = "four words not belonging"


def lines(log: GraphLog) -> list[dict[str, object]]:
    return [
        json.loads(line) for path in sorted(log.root.rglob("audit.ndjson")) for line in path.read_text().splitlines()
    ]


async def test_an_event_is_a_line_of_the_graph_log(log: GraphLog, clock) -> None:  # type: ignore[no-untyped-def]
    await Audit(log, clock=clock).record(AuditEvent.GRANTED, by="owner", about="module:almanac", scopes="read:graph")

    (path,) = log.root.glob("audit/*/*/*/audit.ndjson")
    assert json.loads(path.read_text()) == {
        "ts": clock(),
        "event": "granted",
        "by": "owner",
        "about": "module:almanac",
        "allowed": True,
        "details": {"scopes": "read:graph"},
    }
    assert AUDIT == "audit/audit"


async def test_who_is_refused_again_and_again_fills_no_disk(log: GraphLog, clock) -> None:  # type: ignore[no-untyped-def]
    audit = Audit(log, clock=clock)

    for _ in range(1000):
        audit.note(AuditEvent.REFUSED, by="token:a", allowed=False, missing="chat")
    audit.note(AuditEvent.REFUSED, by="token:a", allowed=False, missing="read:graph")
    clock.turn(60)
    audit.note(AuditEvent.REFUSED, by="token:a", allowed=False, missing="chat")
    audit.settle(all_of_them=True)
    await audit.record(AuditEvent.LOGGED_OUT, by="end")

    found = [line["details"] for line in lines(log) if line["by"] == "token:a"]
    chat = {"missing": "chat"}
    assert found == [chat] * 5 + [{"missing": "read:graph"}, {**chat, "more": 995}, chat]


async def test_many_who_are_refused_fill_no_memory(log: GraphLog, clock) -> None:  # type: ignore[no-untyped-def]
    audit = Audit(log, clock=clock)

    for number in range(3000):
        audit.note(AuditEvent.REFUSED, by=f"token:{number}", allowed=False)

    assert len(audit._windows) <= 1001
    audit.settle(all_of_them=True)
    await audit.record(AuditEvent.LOGGED_OUT, by="end")
    others = [line for line in lines(log) if line["by"] == "others"]
    assert len(others) == 6
    assert others[-1]["details"] == {"more": 3000 - 1000 - 5}


async def test_pages_follow_each_other_without_gap_or_repetition(log: GraphLog, clock) -> None:  # type: ignore[no-untyped-def]
    audit = Audit(log, clock=clock)
    for number in range(7):
        await audit.record(AuditEvent.LOGGED_IN, by=f"user:{number % 2}", number=number)

    seen: list[object] = []
    before = None
    while True:
        page = await audit.latest(limit=2, by="user:0", before=before)
        seen += [entry.details["number"] for entry in page.entries]
        before = page.before
        if before is None:
            break

    assert seen == [6, 4, 2, 0]


@pytest.mark.parametrize("cursor", ["", "x", "2026/01/01", "2026/01/01:-1", "../../etc:1", "2026/01/01:²"])
async def test_a_cursor_that_is_none_is_refused(log: GraphLog, clock, cursor: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput):
        await Audit(log, clock=clock).latest(limit=1, before=cursor)


async def test_a_damaged_line_hides_no_other(log: GraphLog, clock) -> None:  # type: ignore[no-untyped-def]
    audit = Audit(log, clock=clock)
    await audit.record(AuditEvent.LOGGED_IN, by="user:ann")
    (path,) = log.root.glob("audit/*/*/*/audit.ndjson")
    with path.open("a") as file:
        file.write("not json\n")

    assert [entry.by for entry in (await audit.latest(limit=9)).entries] == ["user:ann"]


async def test_a_life_in_the_log(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann", role="viewer")
    await hub.log_in("ann", "a wrong password, a long one")
    browser = await hub.session("ann")
    token = await hub.token("chat", by=browser)
    headers = {"Authorization": f"Bearer {token['token']}"}
    await hub.whoami(headers)
    await hub.client.get("/api/v1/users", headers=headers)
    await hub.client.get("/api/v1/me", headers={"Authorization": "Bearer lum_unknown"})
    await hub.client.patch("/api/v1/users/ann", json={"role": "member"}, headers=hub.owner)
    await hub.client.delete(f"/api/v1/tokens/{token['id']}", headers=browser)
    await hub.client.delete("/api/v1/session", headers=browser)
    await hub.client.delete("/api/v1/users/ann", headers=hub.owner)

    told = [(entry["event"], entry["by"], entry.get("about"), entry["allowed"]) for entry in await hub.audit()][::-1]
    id = f"token:{token['id']}"
    assert told == [
        ("user_added", "owner", "user:ann", True),
        ("login_failed", "user:ann", None, False),
        ("logged_in", "user:ann", None, True),
        ("token_created", "user:ann", id, True),
        ("token_first_used", id, None, True),
        ("refused", id, None, False),
        ("refused", "nobody", None, False),
        ("role_changed", "owner", "user:ann", True),
        ("token_revoked", "user:ann", id, True),
        ("logged_out", "user:ann", None, True),
        ("user_removed", "owner", "user:ann", True),
    ]


async def test_no_secret_and_nobodys_words_get_into_the_log(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    await hub.log_in("my secret password typed as a name", PASSWORD)
    await hub.log_in("ann", "a wrong password, a long one")
    browser = await hub.session("ann")
    token = (await hub.token("chat", by=browser))["token"]
    await hub.client.get("/api/v1/users", headers={"Authorization": f"Bearer {token}"})
    await hub.client.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=("words of mine", "secret"))
    await hub.client.post("/api/v1/tokens", json={"name": "private name", "scopes": ["chat"]}, headers=hub.owner)
    await hub.audit()

    text = hub.audit_text()
    for secret in (
        PASSWORD,
        "typed as a name",
        "a wrong password",
        token,
        token.rpartition("_")[2],
        browser["Cookie"].partition("=")[2],
        browser["X-CSRF-Token"],
        hub.owner["Authorization"].removeprefix("Bearer "),
        "words of mine",
        "private name",
    ):
        assert secret not in text


async def test_the_audit_log_is_the_owners_to_read(hub) -> None:  # type: ignore[no-untyped-def]
    response = await hub.client.get("/api/v1/audit", headers=await hub.bearer("read:graph", "admin:modules"))

    assert (response.status_code, response.json()["missing_scope"]) == (403, "admin:hub")
