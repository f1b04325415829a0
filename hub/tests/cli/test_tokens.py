from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

TOKEN = {
    "id": "0123456789ab",
    "name": "home [1]",
    "owner": "owner",
    "scopes": ["chat"],
    "created_at": 0.0,
    "expires_at": 86400.0,
}
SECRET = "lum_0123456789ab_secret"


def test_a_new_token_is_all_that_stdout_holds(hub: Any) -> None:
    hub.answer("POST /api/v1/tokens", {**TOKEN, "token": SECRET})

    result = hub.run("token", "create", "home", "--scope", "chat", "--scope", "read:graph", "--expires", "30d")

    assert result.stdout == SECRET + "\n"
    assert "may chat until 1970-01-02 00:00:00 UTC" in result.stderr
    body = {"name": "home", "scopes": ["chat", "read:graph"], "expires_in_s": 2_592_000, "client": False}
    assert hub.asked == [("POST", "/api/v1/tokens", body)]


@pytest.mark.parametrize("span", ["", "30", "d30", "1y", "-1d", "1d2h"])
def test_a_span_of_time_that_is_none_is_misuse(hub: Any, span: str) -> None:
    result = hub.run("token", "create", "home", "--scope", "chat", f"--expires={span}")

    assert result.exit_code == 2
    assert "--expires 30d" in result.stderr
    assert hub.asked == []


def test_the_list_shows_what_each_may_and_how_long(hub: Any) -> None:
    hub.answer("GET /api/v1/tokens", {"tokens": [TOKEN]})

    result = hub.run("token", "list")

    assert "0123456789ab  home [1]  owner  chat    1970-01-01 00:00:00  1970-01-02 00:00:00  never" in result.stdout


def test_revoking_names_the_token(hub: Any) -> None:
    hub.answer("DELETE /api/v1/tokens/0123456789ab", Response(status_code=204))

    assert "0123456789ab is revoked" in hub.run("token", "revoke", "0123456789ab").stdout
    assert json.loads(hub.run("token", "revoke", "0123456789ab", "--json").stdout) == {"revoked": "0123456789ab"}


def test_an_id_with_a_slash_stays_one_part_of_the_path(hub: Any) -> None:
    hub.answer("DELETE /api/v1/tokens/../x", Response(status_code=204))

    hub.run("token", "revoke", "../x")

    assert [path for _, path, _ in hub.asked] == ["/api/v1/tokens/../x"]


def test_rotating_says_which_key_signs(hub: Any) -> None:
    keys = [{"id": "new", "created_at": 2.0}, {"id": "old", "created_at": 1.0}]
    hub.answer("POST /api/v1/keys/rotate", {"keys": keys})

    assert "Key new signs from now on." in hub.run("token", "rotate-keys").stdout
