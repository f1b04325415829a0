"""Whose past turns are whose: tokens, users and modules beside each other, in a real hub."""

from __future__ import annotations

from typing import Any

import pytest

from lumina_hub.auth.principal import Principal, PrincipalKind
from lumina_sdk.contract import ScopeSet

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "four words not belonging"
BOTH = ["chat", "read:chat_history"]


async def token(hub: Any) -> dict[str, str]:
    response = await hub.client.post("/api/v1/tokens", json={"name": "test", "scopes": BOTH})
    return {"Authorization": f"Bearer {response.json()['token']}"}


async def ask(hub: Any, headers: dict[str, str]) -> str:
    response = await hub.client.post("/api/v1/chat", json={"query": "What is a turn?"}, headers=headers)
    assert response.status_code == 200, response.text
    return f"/api/v1/chat/turns/{response.json()['id']}"


async def status(hub: Any, path: str, headers: dict[str, str]) -> int:
    response = await hub.client.get(path, headers=headers)
    return int(response.status_code)


async def test_a_token_does_not_see_what_another_asked(hub: Any) -> None:
    one, other = await token(hub), await token(hub)

    turn = await ask(hub, one)

    assert await status(hub, turn, one) == 200
    assert await status(hub, turn, other) == 404
    assert await status(hub, turn, {}) == 404  # not even the owner's token: somebody else's words


async def test_a_module_sees_the_turns_of_whom_it_acts_for_and_only_for_as_long(hub: Any) -> None:
    await hub.client.post("/api/v1/users", json={"name": "vera", "password": PASSWORD})
    vera = Principal("user:vera", ScopeSet(BOTH), PrincipalKind.USER)
    issuer = hub.runtime.auth.issuer
    grant = ScopeSet([*BOTH, "write:graph"])
    acting = {"Authorization": f"Bearer {issuer.on_behalf(vera, 'almanac', grant).text}"}
    itself = {"Authorization": f"Bearer {issuer.for_module('almanac', grant).text}"}

    turn = await ask(hub, acting)

    assert await status(hub, turn, acting) == 200
    assert await status(hub, turn, itself) == 404
    await hub.client.delete("/api/v1/users/vera")
    assert await status(hub, turn, acting) == 401


async def test_a_session_asks_and_reads_in_one_name(hub: Any) -> None:
    await hub.client.post("/api/v1/users", json={"name": "walter", "password": PASSWORD, "role": "viewer"})
    response = await hub.client.post("/api/v1/session", json={"name": "walter", "password": PASSWORD})
    cookie = response.headers["set-cookie"].partition(";")[0]
    hub.client.cookies.clear()
    browser = {"Cookie": cookie, "X-CSRF-Token": response.json()["csrf_token"], "Authorization": ""}

    turn = await ask(hub, browser)

    assert await status(hub, turn, browser) == 200
    assert await status(hub, turn, await token(hub)) == 404
