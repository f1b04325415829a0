from __future__ import annotations

import pytest

from lumina_hub.auth.principal import Principal
from lumina_hub.auth.tokens import Authenticator, OwnerTokenStore
from lumina_hub.errors import InvalidToken, MissingScope, Unauthenticated
from lumina_sdk.contract import Scope


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator([OwnerTokenStore("lum_right")])


async def test_the_owners_token_may_do_everything(authenticator: Authenticator) -> None:
    principal = await authenticator.identify("Bearer lum_right")

    assert principal.scopes == frozenset(Scope)


@pytest.mark.parametrize("header", ["bearer lum_right", "BEARER   lum_right "])
async def test_the_scheme_is_read_whatever_its_case(authenticator: Authenticator, header: str) -> None:
    assert (await authenticator.identify(header)).id == "owner"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic bHVtOnJpZ2h0", "lum_right"])
async def test_without_a_bearer_token_nobody_is_identified(authenticator: Authenticator, header: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.identify(header)


@pytest.mark.parametrize("token", ["lum_wrong", "lum_righ", "lum_right2", "ü" * 10, "x" * 100_000])
async def test_an_unknown_token_is_invalid(authenticator: Authenticator, token: str) -> None:
    with pytest.raises(InvalidToken):
        await authenticator.identify(f"Bearer {token}")


def test_the_store_keeps_no_token() -> None:
    assert "lum_right" not in repr(vars(OwnerTokenStore("lum_right")))


def test_a_demand_names_every_scope_that_is_missing() -> None:
    principal = Principal("somebody", frozenset({Scope.CHAT}))

    principal.demand(Scope.CHAT)
    with pytest.raises(MissingScope) as caught:
        principal.demand(Scope.CHAT, Scope.WRITE_GRAPH, Scope.READ_GRAPH)
    assert caught.value.missing == ("read:graph", "write:graph")
