from __future__ import annotations

import hashlib

import httpx
import pytest

from lumina_hub.app import create_app
from lumina_hub.settings_sources import load_settings

PASSWORD = "four words not belonging"


def cookie_of(response: httpx.Response) -> str:
    (header,) = response.headers.get_list("set-cookie")
    return str(header.partition("=")[2].partition(";")[0])


async def test_a_login_gives_a_cookie_that_scripts_and_other_sites_cannot_use(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")

    response = await hub.log_in("ann")

    header = response.headers["set-cookie"]
    assert header.startswith("lumina_session=")
    for flag in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"):
        assert flag in header
    assert "Secure" not in header  # plain HTTP on loopback: the browser would drop it
    said = response.json()
    assert (said["principal"]["id"], said["principal"]["kind"]) == ("user:ann", "user")
    assert cookie_of(response) not in response.text


async def test_over_tls_the_cookie_is_never_sent_in_clear(hub, home) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    app = create_app(load_settings({"home": home, "behind_proxy": True}, {}))
    app.state.runtime, app.state.guard = hub.client._transport.app.state.runtime, hub.auth.guard
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        response = await client.post("/api/v1/session", json={"name": "ann", "password": PASSWORD})

    assert "; Secure" in response.headers["set-cookie"]


async def test_the_session_reads_freely_and_changes_only_with_its_csrf_token(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")
    bare = {"Cookie": browser["Cookie"]}
    body = {"name": "x", "scopes": ["chat"]}

    assert (await hub.client.get("/api/v1/tokens", headers=bare)).status_code == 200
    for headers in (bare, {**bare, "X-CSRF-Token": "guess"}, {**bare, "X-CSRF-Token": ""}):
        refused = await hub.client.post("/api/v1/tokens", json=body, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/missing-csrf-token")
    assert (await hub.client.post("/api/v1/tokens", json=body, headers=browser)).status_code == 201


async def test_one_sessions_csrf_token_is_no_good_for_another(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    await hub.user("eve")
    ann, eve = await hub.session("ann"), await hub.session("eve")

    mixed = {"Cookie": ann["Cookie"], "X-CSRF-Token": eve["X-CSRF-Token"]}
    response = await hub.client.delete("/api/v1/session", headers=mixed)

    assert response.status_code == 403


async def test_the_session_describes_itself(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")

    said = (await hub.client.get("/api/v1/session", headers={"Cookie": browser["Cookie"]})).json()

    assert said["csrf_token"] == browser["X-CSRF-Token"]
    assert said["expires_at"] - said["created_at"] == 604800
    with_token = await hub.client.get("/api/v1/session", headers=hub.owner)
    assert with_token.status_code == 404


async def test_after_logout_a_copied_cookie_lets_nobody_in(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")
    await hub.whoami(browser)

    gone = await hub.client.delete("/api/v1/session", headers=browser)

    assert gone.status_code == 204
    assert 'lumina_session=""' in gone.headers["set-cookie"]
    replayed = await hub.client.get("/api/v1/whoami", headers=browser)
    assert (replayed.status_code, replayed.json()["detail"]) == (401, "The session has ended.")


async def test_a_login_never_takes_over_a_session_that_was_planted(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    await hub.user("eve")
    planted = await hub.session("eve")

    response = await hub.log_in("ann", **{"Cookie": planted["Cookie"]})
    invented = await hub.log_in("ann", Cookie="lumina_session=chosen-by-eve")

    assert cookie_of(response) not in planted["Cookie"]
    assert cookie_of(invented) != "chosen-by-eve"
    assert (await hub.client.get("/api/v1/whoami", headers=planted)).status_code == 401
    assert (
        await hub.client.get("/api/v1/whoami", headers={"Cookie": "lumina_session=chosen-by-eve"})
    ).status_code == 401


async def test_a_session_ends_when_it_is_not_used(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")

    for _ in range(5):
        clock.turn(43_000)
        await hub.whoami(browser)
    clock.turn(43_200)

    assert (await hub.client.get("/api/v1/whoami", headers=browser)).status_code == 401


async def test_a_session_ends_however_much_it_is_used(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")

    for _ in range(16):
        clock.turn(604_800 / 16 - 1)
        await hub.whoami(browser)
    clock.turn(16)

    assert (await hub.client.get("/api/v1/whoami", headers=browser)).status_code == 401


async def test_the_cookie_is_kept_nowhere(hub, redis) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    cookie = (await hub.session("ann"))["Cookie"].removeprefix("lumina_session=")

    keys = [str(key) for key in await redis.keys("sessions:*")]
    assert keys == [f"sessions:{hashlib.sha256(cookie.encode()).hexdigest()}"]
    assert cookie not in str(await redis.hgetall(keys[0])) + hub.audit_text()
    assert 0 < await redis.ttl(keys[0]) <= 43_200


async def test_a_token_logs_in_too_and_its_session_ends_with_it(hub) -> None:  # type: ignore[no-untyped-def]
    issued = await hub.token("chat", "read:tokens")

    response = await hub.client.post("/api/v1/session", json={"token": issued["token"]})
    hub.client.cookies.clear()
    browser = {"Cookie": f"lumina_session={cookie_of(response)}"}
    assert (await hub.whoami(browser))["id"] == f"token:{issued['id']}"
    await hub.client.delete(f"/api/v1/tokens/{issued['id']}", headers=hub.owner)

    assert (await hub.client.get("/api/v1/whoami", headers=browser)).status_code == 401


async def test_the_owners_token_logs_in(hub) -> None:  # type: ignore[no-untyped-def]
    token = hub.owner["Authorization"].removeprefix("Bearer ")

    response = await hub.client.post("/api/v1/session", json={"token": token})

    assert response.json()["principal"]["kind"] == "owner"


async def test_a_short_lived_token_begins_no_session(hub) -> None:  # type: ignore[no-untyped-def]
    from lumina_sdk.contract import ScopeSet

    token = hub.auth.issuer.for_module("almanac", ScopeSet(["chat"])).text

    response = await hub.client.post("/api/v1/session", json={"token": token})

    assert response.status_code == 400
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "body", [{}, {"name": "ann"}, {"password": "x"}, {"name": "ann", "password": "x", "token": "t"}], ids=str
)
async def test_a_login_takes_one_of_two_kinds(hub, body: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    assert (await hub.client.post("/api/v1/session", json=body)).status_code == 400


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_on_another_site_cannot_log_anybody_in(hub, media_type: str) -> None:  # type: ignore[no-untyped-def]
    await hub.user("eve")

    response = await hub.client.post(
        "/api/v1/session",
        content=f'{{"name": "eve", "password": "{PASSWORD}"}}',
        headers={"Content-Type": media_type},
    )

    assert response.status_code == 422
    assert "set-cookie" not in response.headers


async def test_whether_a_user_exists_is_not_told(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")

    known, unknown = await hub.log_in("ann", "x" * 20), await hub.log_in("bob", "x" * 20)

    same = ("type", "title", "status", "detail", "hint")
    assert known.status_code == unknown.status_code == 401
    assert [known.json()[name] for name in same] == [unknown.json()[name] for name in same]


async def test_guessing_a_password_gets_slower_and_slower(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    waits = []
    for _ in range(5):
        assert (await hub.log_in("ann", "x" * 20)).status_code == 401
    for _ in range(5):
        assert (await hub.log_in("ann", "x" * 20)).status_code == 401
        throttled = await hub.log_in("ann")  # the right one is not looked at
        assert (throttled.status_code, throttled.json()["type"]) == (429, "/problems/throttled")
        waits.append(int(throttled.headers["Retry-After"]))
        clock.turn(waits[-1])

    assert waits == [1, 2, 4, 8, 16]
    assert (await hub.log_in("ann")).status_code == 201
    assert (await hub.log_in("ann", "x" * 20)).status_code == 401
    assert (await hub.log_in("ann")).status_code == 201


async def test_an_unknown_name_is_slowed_down_alike(hub) -> None:  # type: ignore[no-untyped-def]
    statuses = [(await hub.log_in("nobody", "x" * 20)).status_code for _ in range(7)]

    assert statuses == [401] * 6 + [429]


async def test_an_address_that_tries_many_names_is_slowed_down(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    statuses = [(await hub.log_in(f"user{number}", "x" * 20)).status_code for number in range(22)]

    assert statuses == [401] * 21 + [429]
    assert (await hub.log_in("ann")).status_code == 429


async def test_attempts_made_all_at_once_are_counted_one_by_one(hub) -> None:  # type: ignore[no-untyped-def]
    import asyncio

    await hub.user("ann")
    responses = await asyncio.gather(*(hub.log_in("ann", "x" * 20) for _ in range(12)))

    statuses = sorted(response.status_code for response in responses)
    assert statuses == [401] * 6 + [429] * 6


async def test_while_passwords_are_throttled_tokens_work(hub) -> None:  # type: ignore[no-untyped-def]
    for _ in range(30):
        await hub.log_in("ann", "x" * 20)

    assert (await hub.whoami(hub.owner))["id"] == "owner"


@pytest.mark.parametrize("name", ["\\ud800", "\\u0000", "a:b", "*", "x" * 64, "seen"])
async def test_whatever_is_typed_as_a_name_is_a_name_nobody_has(hub, name: str) -> None:  # type: ignore[no-untyped-def]
    response = await hub.client.post(
        "/api/v1/session",
        content=f'{{"name": "{name}", "password": "{PASSWORD}"}}',
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code in (401, 422)
