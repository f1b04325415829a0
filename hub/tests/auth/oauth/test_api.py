from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet


async def ask(hub: Any, issued: dict[str, Any] | None = None, *, basic: bool = True, **form: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", **form}
    auth = None
    if issued is not None and basic:
        auth = (issued["id"], issued["token"])
    elif issued is not None:
        form |= {"client_id": issued["id"], "client_secret": issued["token"]}
    response: httpx.Response = await hub.client.post("/oauth/token", data=form, auth=auth)
    return response


async def client_of(hub: Any, *scopes: str, **more: object) -> dict[str, Any]:
    issued: dict[str, Any] = await hub.token(*scopes, client=True, **more)
    return issued


@pytest.mark.parametrize("basic", [True, False])
async def test_a_client_gets_a_token_for_itself(hub, basic: bool) -> None:  # type: ignore[no-untyped-def]
    client = await client_of(hub, "chat", "read:graph")

    response = await ask(hub, client, basic=basic)

    said = response.json()
    assert response.status_code == 200
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 900, "chat read:graph")
    assert response.headers["Cache-Control"] == "no-store"
    who = await hub.whoami({"Authorization": f"Bearer {said['access_token']}"})
    assert (who["id"], who["kind"], who["scopes"]) == (f"token:{client['id']}", "token", ["chat", "read:graph"])


async def test_anybody_can_verify_the_token_with_the_published_keys(hub) -> None:  # type: ignore[no-untyped-def]
    token = (await ask(hub, await client_of(hub, "chat"))).json()["access_token"]
    server = (await hub.client.get("/.well-known/oauth-authorization-server")).json()
    keys = (await hub.client.get(server["jwks_uri"].removeprefix(server["issuer"]))).json()

    verified = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["Ed25519"])

    assert verified.header["typ"] == "at+jwt"
    assert verified.claims["iss"] == server["issuer"] == "http://127.0.0.1:8000"
    assert set(verified.claims) == {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"}
    assert server["token_endpoint"] == "http://127.0.0.1:8000/oauth/token"


async def test_a_client_may_ask_for_less(hub) -> None:  # type: ignore[no-untyped-def]
    client = await client_of(hub, "chat", "read:events")

    narrowed = (await ask(hub, client, scope="read:events!stream=graph:add")).json()

    assert narrowed["scope"] == "read:events!stream=graph:add"
    who = await hub.whoami({"Authorization": f"Bearer {narrowed['access_token']}"})
    assert who["scopes"] == ["read:events!stream=graph:add"]


@pytest.mark.parametrize("scope", ["admin:hub", "chat admin:hub", "read:graph", "fly:moon", "chat;", "   "])
async def test_a_client_never_gets_more(hub, scope: str) -> None:  # type: ignore[no-untyped-def]
    response = await ask(hub, await client_of(hub, "chat"), scope=scope)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


async def test_a_client_that_is_not_known_is_refused(hub) -> None:  # type: ignore[no-untyped-def]
    client, other = await client_of(hub, "chat"), await client_of(hub, "chat")
    for wrong in (
        {**client, "token": client["token"][:-1] + "x"},
        {**client, "id": other["id"]},
        {**client, "id": ""},
        {"id": "nobody", "token": "nothing"},
    ):
        for basic in (True, False):
            response = await ask(hub, wrong, basic=basic)
            assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
            assert response.headers["WWW-Authenticate"] == 'Basic realm="lumina"'
    assert (await ask(hub)).json()["error"] == "invalid_client"


async def test_a_revoked_client_gets_nothing_and_what_it_had_ends(hub) -> None:  # type: ignore[no-untyped-def]
    client = await client_of(hub, "chat")
    token = (await ask(hub, client)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    await hub.whoami(headers)

    await hub.client.delete(f"/api/v1/tokens/{client['id']}", headers=hub.owner)

    assert (await ask(hub, client)).json()["error"] == "invalid_client"
    assert (await hub.client.get("/api/v1/me", headers=headers)).status_code == 401


async def test_no_access_token_outlives_its_client(hub, clock) -> None:  # type: ignore[no-untyped-def]
    client = await client_of(hub, "chat", expires_in_s=120)
    clock.turn(60)
    said = (await ask(hub, client)).json()

    assert said["expires_in"] == 60
    clock.turn(60)
    response = await hub.client.get("/api/v1/me", headers={"Authorization": f"Bearer {said['access_token']}"})
    assert response.status_code == 401


async def test_a_token_that_was_not_made_as_a_client_is_none(hub) -> None:  # type: ignore[no-untyped-def]
    response = await ask(hub, await hub.token("chat"))

    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("grant", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"])
async def test_there_is_one_grant(hub, grant: str) -> None:  # type: ignore[no-untyped-def]
    response = await ask(hub, await client_of(hub, "chat"), grant_type=grant)

    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        ("grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        ("scope=chat", "application/x-www-form-urlencoded"),
        ("", "application/x-www-form-urlencoded"),
        ("&".join(f"a{number}=1" for number in range(50)), "application/x-www-form-urlencoded"),
        ("grant_type=%ff", "application/x-www-form-urlencoded"),
        ('{"grant_type": "client_credentials"}', "application/json"),
        ("grant_type=client_credentials", ""),
    ],
)
async def test_a_malformed_request_is_refused_in_oauths_words(hub, content: str, media_type: str) -> None:  # type: ignore[no-untyped-def]
    client = await client_of(hub, "chat")

    response = await hub.client.post(
        "/oauth/token",
        content=content,
        headers={"Content-Type": media_type},
        auth=(client["id"], client["token"]),
    )

    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_a_client_names_itself_in_one_way(hub) -> None:  # type: ignore[no-untyped-def]
    client = await client_of(hub, "chat")

    both = await ask(hub, client, client_secret=client["token"])
    other_name = await ask(hub, client, client_id="somebody")
    same_name = await ask(hub, client, client_id=client["id"])

    assert both.json()["error"] == "invalid_request"
    assert other_name.json()["error"] == "invalid_client"
    assert same_name.status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff:x").decode(), "Bearer x"])
async def test_a_header_that_is_not_basic_is_refused(hub, header: str) -> None:  # type: ignore[no-untyped-def]
    response = await hub.client.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header}
    )

    assert response.json()["error"] == "invalid_client"


async def test_a_client_gives_a_token_back(hub) -> None:  # type: ignore[no-untyped-def]
    client, other = await client_of(hub, "chat"), await client_of(hub, "chat")
    token, kept = [(await ask(hub, client)).json()["access_token"] for _ in range(2)]
    await hub.whoami({"Authorization": f"Bearer {token}"})

    async def revoke(by: dict[str, Any], text: str) -> httpx.Response:
        return await hub.client.post("/oauth/revoke", data={"token": text}, auth=(by["id"], by["token"]))  # type: ignore[no-any-return]

    assert (await revoke(other, token)).json()["error"] == "unauthorized_client"
    await hub.whoami({"Authorization": f"Bearer {token}"})
    assert (await revoke(client, token)).status_code == 200
    assert (await revoke(client, token)).status_code == 200
    assert (await revoke(client, "unknown")).status_code == 200

    assert (await hub.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    await hub.whoami({"Authorization": f"Bearer {kept}"})


async def test_a_published_key_set_holds_nothing_private(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.client.post("/api/v1/keys/rotate", headers=hub.owner)

    keys = (await hub.client.get("/.well-known/jwks.json")).json()["keys"]

    assert len(keys) == 2
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in keys)
