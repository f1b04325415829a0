from __future__ import annotations

import pytest

from lumina_hub.auth.tokens.store import digest_of


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_may_do_what_it_was_granted_and_nothing_else(hub) -> None:  # type: ignore[no-untyped-def]
    headers = await hub.bearer("read:tokens", "chat")

    said = await hub.whoami(headers)
    assert (said["kind"], sorted(said["scopes"])) == ("token", ["chat", "read:tokens"])
    assert (await hub.client.get("/api/v1/tokens", headers=headers)).status_code == 200
    refused = await hub.client.get("/api/v1/users", headers=headers)
    assert (refused.status_code, refused.json()["missing_scope"]) == (403, "admin:hub")


async def test_a_token_is_shown_once_and_kept_nowhere(hub, redis) -> None:  # type: ignore[no-untyped-def]
    issued = await hub.token("chat")

    listed = (await hub.client.get("/api/v1/tokens", headers=hub.owner)).text
    kept = list(await redis.keys("*"))
    values = [str(await redis.hgetall(key)) for key in kept if await redis.type(key) == "hash"]
    secret = issued["token"].rpartition("_")[2]
    assert issued["id"] in listed
    assert all(secret not in text for text in (listed, *kept, *values, hub.audit_text()))
    assert any(digest_of(issued["token"]).hex() in text for text in values)


async def test_a_token_makes_no_token_that_may_do_more(hub) -> None:  # type: ignore[no-untyped-def]
    headers = await hub.bearer("write:tokens", "read:events!stream=graph:add")

    wide = await hub.client.post(
        "/api/v1/tokens", json={"name": "x", "scopes": ["read:events", "chat"]}, headers=headers
    )
    narrow = await hub.bearer("read:events!stream=graph:add", by=headers)

    assert (wide.status_code, wide.json()["missing_scope"]) == (403, "chat read:events")
    assert (await hub.whoami(narrow))["scopes"] == ["read:events!stream=graph:add"]


async def test_a_revoked_token_ends_at_once_and_so_do_those_made_with_it(hub) -> None:  # type: ignore[no-untyped-def]
    parent = await hub.token("write:tokens", "chat")
    child = await hub.token("chat", by=bearer(parent["token"]))
    await hub.whoami(bearer(child["token"]))

    gone = await hub.client.delete(f"/api/v1/tokens/{parent['id']}", headers=hub.owner)

    assert gone.status_code == 204
    for issued in (parent, child):
        response = await hub.client.get("/api/v1/me", headers=bearer(issued["token"]))
        assert (response.status_code, response.json()["type"]) == (401, "/problems/invalid-token")


async def test_an_expired_token_says_so_and_ends_on_time(hub, clock) -> None:  # type: ignore[no-untyped-def]
    headers = bearer((await hub.token("chat", expires_in_s=60))["token"])

    clock.turn(59.9)
    await hub.whoami(headers)
    clock.turn(0.1)
    response = await hub.client.get("/api/v1/me", headers=headers)

    assert (response.status_code, response.json()["detail"]) == (401, "The token has expired.")


async def test_somebody_elses_token_is_not_there(hub) -> None:  # type: ignore[no-untyped-def]
    mine = await hub.bearer("read:tokens", "write:tokens", "chat")
    other = await hub.token("chat")

    listed = (await hub.client.get("/api/v1/tokens", headers=mine)).json()["tokens"]
    refused = await hub.client.delete(f"/api/v1/tokens/{other['id']}", headers=mine)
    unknown = await hub.client.delete("/api/v1/tokens/000000000000", headers=mine)

    assert listed == []
    assert refused.status_code == unknown.status_code == 404
    assert refused.json()["type"] == unknown.json()["type"] == "/problems/not-found"
    await hub.whoami(bearer(other["token"]))


@pytest.mark.parametrize("wrong", ["lum_{id}_" + "A" * 43, "lum_{other}_{secret}", "lum_{id}_{secret}x", "lum_{id}"])
async def test_a_token_with_another_secret_or_id_is_unknown(hub, wrong: str) -> None:  # type: ignore[no-untyped-def]
    issued, other = await hub.token("chat"), await hub.token("chat")
    secret = issued["token"].removeprefix(f"lum_{issued['id']}_")

    token = wrong.format(id=issued["id"], other=other["id"], secret=secret)
    response = await hub.client.get("/api/v1/me", headers=bearer(token))

    assert response.status_code == 401


async def test_an_unknown_id_costs_the_comparison_that_a_wrong_secret_does(
    hub, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    compared = []
    monkeypatch.setattr(
        "lumina_hub.auth.tokens.store.hmac.compare_digest", lambda one, other: bool(compared.append(len(other)))
    )

    await hub.client.get("/api/v1/me", headers=bearer("lum_000000000000_" + "A" * 43))

    assert 32 in compared


async def test_the_list_says_when_a_token_was_last_used(hub, clock) -> None:  # type: ignore[no-untyped-def]
    issued = await hub.token("chat")

    async def used() -> float | None:
        (token,) = (await hub.client.get("/api/v1/tokens", headers=hub.owner)).json()["tokens"]
        return token["last_used_at"]  # type: ignore[no-any-return]

    assert await used() is None
    first = clock()
    await hub.whoami(bearer(issued["token"]))
    assert await used() == first
    clock.turn(30)
    await hub.whoami(bearer(issued["token"]))
    assert await used() == first
    clock.turn(30)
    await hub.whoami(bearer(issued["token"]))
    assert await used() == first + 60


async def test_a_users_token_goes_with_the_user_and_does_not_come_back_with_the_name(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")
    token = bearer((await hub.token("chat", by=browser))["token"])
    await hub.whoami(token)

    await hub.client.delete("/api/v1/users/ann", headers=hub.owner)
    assert (await hub.client.get("/api/v1/me", headers=token)).status_code == 401
    clock.turn(1)
    await hub.user("ann")

    assert (await hub.client.get("/api/v1/me", headers=token)).status_code == 401


async def test_a_users_token_may_never_do_more_than_the_user(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann", role="member")
    token = bearer((await hub.token("chat", "write:graph", by=await hub.session("ann")))["token"])
    assert (await hub.whoami(token))["scopes"] == ["chat", "write:graph"]

    await hub.client.patch("/api/v1/users/ann", json={"role": "viewer"}, headers=hub.owner)

    assert (await hub.whoami(token))["scopes"] == ["chat"]


async def test_a_module_makes_no_token_whoever_it_acts_for(hub) -> None:  # type: ignore[no-untyped-def]
    from lumina_hub.auth.principal import EVERYTHING, Principal, PrincipalKind

    owner = Principal("owner", EVERYTHING, PrincipalKind.OWNER)
    for token in (
        hub.auth.issuer.for_module("crawler", EVERYTHING),
        hub.auth.issuer.on_behalf(owner, "crawler", EVERYTHING),
    ):
        for path, body in (
            ("/api/v1/tokens", {"name": "x", "scopes": ["chat"]}),
            ("/api/v1/users", {"name": "eve", "password": "four words not belonging"}),
        ):
            response = await hub.client.post(path, json=body, headers=bearer(token.text))
            assert (response.status_code, response.json()["type"]) == (403, "/problems/not-for-modules")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["chat"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["fly:moon"]},
        {"name": "x", "scopes": ["read:events!stream="]},
        {"name": "x", "scopes": ["chat"], "expires_in_s": 1},
        {"name": "x", "scopes": ["chat"], "owner": "user:ann"},
    ],
    ids=str,
)
async def test_a_malformed_wish_is_refused(hub, body: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    response = await hub.client.post("/api/v1/tokens", json=body, headers=hub.owner)

    assert response.status_code == 422
    assert response.json()["findings"]
