from __future__ import annotations

import pytest

PASSWORD = "four words not belonging"


async def test_the_owner_adds_the_first_user_and_there_is_none_before(hub) -> None:  # type: ignore[no-untyped-def]
    assert (await hub.client.get("/api/v1/users", headers=hub.owner)).json() == {"users": []}

    await hub.user("ann", role="owner")

    (ann,) = (await hub.client.get("/api/v1/users", headers=hub.owner)).json()["users"]
    assert (ann["name"], ann["role"], ann["scopes"]) == ("ann", "owner", ["admin:hub"])
    assert "password" not in str(ann)


async def test_a_name_is_given_once(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")

    body = {"name": "ann", "password": PASSWORD}
    response = await hub.client.post("/api/v1/users", json=body, headers=hub.owner)

    assert response.status_code == 409
    assert (await hub.log_in("ann")).status_code == 201


@pytest.mark.parametrize("name", ["Ann", "", "a" * 33, "../x", "a b", "ann:owner", "1st", "ännä"])
async def test_a_name_that_is_none_is_refused(hub, name: str) -> None:  # type: ignore[no-untyped-def]
    body = {"name": name, "password": PASSWORD}
    response = await hub.client.post("/api/v1/users", json=body, headers=hub.owner)

    assert response.status_code == 422


async def test_a_password_that_is_guessed_first_is_refused_and_not_repeated(hub) -> None:  # type: ignore[no-untyped-def]
    body = {"name": "ann", "password": "passwordpassword"}
    response = await hub.client.post("/api/v1/users", json=body, headers=hub.owner)

    assert response.status_code == 400
    assert "passwordpassword" not in response.text
    assert (await hub.client.get("/api/v1/users", headers=hub.owner)).json() == {"users": []}


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("owner", ["admin:hub", "admin:modules", "chat", "read:almanac"], []),
        ("admin", ["admin:modules", "read:modules", "write:graph", "chat"], ["admin:hub", "read:almanac"]),
        ("member", ["chat", "write:graph", "write:tokens"], ["admin:modules", "admin:hub", "write:vector_store"]),
        ("viewer", ["chat", "read:graph"], ["write:graph", "use:network", "write:chat_history", "admin:hub"]),
    ],
)
async def test_a_role_is_a_set_of_scopes(hub, role: str, may: list[str], may_not: list[str]) -> None:  # type: ignore[no-untyped-def]
    from lumina_sdk.contract import ScopeSet

    await hub.user("ann", role=role)

    scopes = ScopeSet((await hub.whoami(await hub.session("ann")))["scopes"])

    assert scopes.missing(may) == ()
    assert scopes.missing(may_not) == tuple(sorted(may_not))


async def test_a_new_role_counts_at_once(hub) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann", role="owner")
    browser = await hub.session("ann")
    assert (await hub.client.get("/api/v1/users", headers=browser)).status_code == 200

    await hub.client.patch("/api/v1/users/ann", json={"role": "viewer"}, headers=hub.owner)

    assert (await hub.client.get("/api/v1/users", headers=browser)).status_code == 403


async def test_a_new_password_ends_every_session(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")
    clock.turn(1)

    changed = {"password": "another four words entirely"}
    assert (await hub.client.patch("/api/v1/users/ann", json=changed, headers=hub.owner)).status_code == 200

    assert (await hub.client.get("/api/v1/me", headers=browser)).status_code == 401
    assert (await hub.log_in("ann")).status_code == 401
    assert (await hub.log_in("ann", changed["password"])).status_code == 201


async def test_a_disabled_user_is_out_until_enabled_again(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")
    clock.turn(1)

    await hub.client.patch("/api/v1/users/ann", json={"disabled": True}, headers=hub.owner)
    assert (await hub.client.get("/api/v1/me", headers=browser)).status_code == 401
    assert (await hub.log_in("ann")).json()["type"] == "/problems/login-refused"

    await hub.client.patch("/api/v1/users/ann", json={"disabled": False}, headers=hub.owner)
    assert (await hub.client.get("/api/v1/me", headers=browser)).status_code == 401
    assert (await hub.log_in("ann")).status_code == 201


async def test_a_user_changes_the_password_knowing_the_present_one(hub, clock) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    browser = await hub.session("ann")
    clock.turn(1)
    path, new = "/api/v1/session/password", "another four words entirely"

    wrong = await hub.client.post(path, json={"current": "x" * 15, "new": new}, headers=browser)
    right = await hub.client.post(path, json={"current": PASSWORD, "new": new}, headers=browser)

    assert (wrong.status_code, right.status_code) == (401, 204)
    assert (await hub.client.get("/api/v1/me", headers=browser)).status_code == 401
    assert (await hub.log_in("ann", new)).status_code == 201
    nobody = await hub.client.post(path, json={"current": PASSWORD, "new": new}, headers=hub.owner)
    assert nobody.status_code == 400


async def test_unknown_users_are_not_there(hub) -> None:  # type: ignore[no-untyped-def]
    for response in (
        await hub.client.patch("/api/v1/users/nobody", json={"role": "viewer"}, headers=hub.owner),
        await hub.client.delete("/api/v1/users/nobody", headers=hub.owner),
        await hub.client.delete("/api/v1/users/seen", headers=hub.owner),
    ):
        assert response.status_code == 404


async def test_of_two_who_take_one_name_one_has_it(hub) -> None:  # type: ignore[no-untyped-def]
    import asyncio

    bodies = [{"name": "ann", "password": f"four words not belonging {number}"} for number in range(4)]
    responses = await asyncio.gather(
        *(hub.client.post("/api/v1/users", json=body, headers=hub.owner) for body in bodies)
    )

    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == [201, 409, 409, 409]
    winner = bodies[statuses.index(201)]["password"]
    assert (await hub.log_in("ann", winner)).status_code == 201
