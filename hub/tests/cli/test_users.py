from __future__ import annotations

from typing import Any

from starlette.responses import Response

ANN = {"name": "ann", "role": "member", "scopes": ["chat"], "created_at": 0.0}


def test_a_password_comes_on_standard_input_and_is_not_printed(hub: Any) -> None:
    hub.answer("POST /api/v1/users", ANN)

    result = hub.run("user", "add", "ann", "--role", "member", "--password-stdin", text="four words, not more\nrest")

    assert result.output == "Added ann, member.\n"
    body = {"name": "ann", "role": "member", "password": "four words, not more"}
    assert hub.asked == [("POST", "/api/v1/users", body)]


def test_without_a_terminal_a_password_is_not_waited_for(hub: Any) -> None:
    result = hub.run("user", "add", "ann")

    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr
    assert hub.asked == []


def test_a_new_password_changes_the_password_only(hub: Any) -> None:
    hub.answer("PATCH /api/v1/users/ann", ANN)

    result = hub.run("user", "passwd", "ann", "--password-stdin", text="another\n")

    assert "every session of ann has ended" in result.stdout
    assert hub.asked == [("PATCH", "/api/v1/users/ann", {"password": "another"})]


def test_the_list_shows_role_and_last_login(hub: Any) -> None:
    hub.answer("GET /api/v1/users", {"users": [ANN, {**ANN, "name": "bob", "disabled": True, "last_login_at": 60.0}]})

    lines = hub.run("user", "list").stdout.splitlines()

    assert lines[1].split() == ["ann", "member", "1970-01-01", "00:00:00", "never"]
    assert lines[2].split() == ["bob", "member", "(disabled)", "1970-01-01", "00:00:00", "1970-01-01", "00:01:00"]


def test_a_user_is_removed_by_name(hub: Any) -> None:
    hub.answer("DELETE /api/v1/users/ann", Response(status_code=204))

    assert hub.run("user", "remove", "ann").stdout.startswith("Removed ann")
