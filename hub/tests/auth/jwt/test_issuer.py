"""Tokens for modules, as the hub that gave them sees them."""

from __future__ import annotations

import pytest

from lumina_hub.auth.jwt.issuer import MODULE_TOKEN_S, ON_BEHALF_S
from lumina_hub.auth.jwt.signing import LEEWAY_S
from lumina_hub.auth.principal import EVERYTHING, Principal, PrincipalKind
from lumina_hub.errors import InvalidToken
from lumina_sdk.contract import ScopeSet

GRANT = ScopeSet(["read:graph", "write:graph", "read:almanac"])


@pytest.fixture
def ann() -> Principal:
    return Principal("user:ann", ScopeSet(["chat", "read:graph"]), PrincipalKind.USER)


async def test_a_module_calls_for_itself_with_what_it_was_granted(auth) -> None:  # type: ignore[no-untyped-def]
    token = auth.issuer.for_module("almanac", GRANT)

    principal = await auth.authenticator.bearer(token.text)

    assert (principal.id, principal.kind, principal.owner) == ("module:almanac", PrincipalKind.MODULE, "module:almanac")
    assert principal.scopes == GRANT


async def test_on_behalf_of_a_user_it_may_do_what_both_may(auth, hub, ann: Principal) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann", role="viewer")

    principal = await auth.authenticator.bearer(auth.issuer.on_behalf(ann, "almanac", GRANT).text)

    assert (principal.id, principal.on_behalf_of, principal.owner) == ("module:almanac", "user:ann", "user:ann")
    assert principal.scopes == ScopeSet(["read:graph"])


async def test_a_module_that_calls_a_module_passes_on_whom_it_acts_for(auth, hub, ann: Principal) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann", role="viewer")
    first = await auth.authenticator.bearer(auth.issuer.on_behalf(ann, "almanac", EVERYTHING).text)

    second = await auth.authenticator.bearer(auth.issuer.on_behalf(first, "tides", GRANT).text)

    assert (second.id, second.on_behalf_of, second.scopes) == ("module:tides", "user:ann", ScopeSet(["read:graph"]))


async def test_it_acts_for_nobody_who_is_gone(auth, hub, ann: Principal) -> None:  # type: ignore[no-untyped-def]
    await hub.user("ann")
    token = auth.issuer.on_behalf(ann, "almanac", GRANT).text
    await auth.authenticator.bearer(token)

    await hub.client.delete("/api/v1/users/ann", headers=hub.owner)

    with pytest.raises(InvalidToken):
        await auth.authenticator.bearer(token)


async def test_one_token_is_handed_out_until_half_its_life_is_over(auth, clock, ann: Principal) -> None:  # type: ignore[no-untyped-def]
    for make, lifetime_s in (
        (lambda: auth.issuer.for_module("almanac", GRANT), MODULE_TOKEN_S),
        (lambda: auth.issuer.on_behalf(ann, "almanac", GRANT), ON_BEHALF_S),
    ):
        first = make()
        clock.turn(lifetime_s / 2 - 1)
        assert make() is first
        clock.turn(1)
        assert make().expires_at == clock() + lifetime_s


async def test_tokens_are_kept_apart_by_caller_module_and_scopes(auth, ann: Principal) -> None:  # type: ignore[no-untyped-def]
    bob = Principal("user:bob", ann.scopes, PrincipalKind.USER)
    less = Principal("user:ann", ScopeSet(["chat"]), PrincipalKind.USER)
    issuer = auth.issuer

    made = [
        issuer.on_behalf(ann, "almanac", GRANT),
        issuer.on_behalf(bob, "almanac", GRANT),
        issuer.on_behalf(less, "almanac", GRANT),
        issuer.on_behalf(ann, "tides", GRANT),
        issuer.on_behalf(ann, "almanac", ScopeSet(["read:graph"])),
        issuer.for_module("almanac", GRANT),
    ]

    assert len({token.text for token in made}) == len(made)


async def test_a_disabled_modules_tokens_end_at_once_and_later_ones_count(auth, clock) -> None:  # type: ignore[no-untyped-def]
    owner = Principal("owner", EVERYTHING, PrincipalKind.OWNER)
    old = [auth.issuer.for_module("almanac", GRANT).text, auth.issuer.on_behalf(owner, "almanac", GRANT).text]
    other = auth.issuer.for_module("tides", GRANT).text
    for token in old:
        await auth.authenticator.bearer(token)
    clock.turn(0.2)

    await auth.end_module("almanac")
    clock.turn(0.2)

    for token in old:
        with pytest.raises(InvalidToken):
            await auth.authenticator.bearer(token)
    assert await auth.authenticator.bearer(other)
    assert await auth.authenticator.bearer(auth.issuer.for_module("almanac", GRANT).text)


async def test_a_modules_token_ends_by_itself(auth, clock) -> None:  # type: ignore[no-untyped-def]
    token = auth.issuer.for_module("almanac", GRANT).text
    await auth.authenticator.bearer(token)

    clock.turn(MODULE_TOKEN_S + LEEWAY_S)

    with pytest.raises(InvalidToken):
        await auth.authenticator.bearer(token)


async def test_rotating_keys_ends_no_token(auth, hub) -> None:  # type: ignore[no-untyped-def]
    token = auth.issuer.for_module("almanac", GRANT)

    response = await hub.client.post("/api/v1/keys/rotate", headers=hub.owner)

    assert response.status_code == 200
    assert len(response.json()["keys"]) == 2
    assert await auth.authenticator.bearer(token.text)
    assert auth.issuer.for_module("almanac", GRANT).text != token.text
    assert (await hub.audit(event="keys_rotated"))[0]["by"] == "owner"
