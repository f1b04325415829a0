from __future__ import annotations

import pytest

from lumina_hub.auth.authenticator import Authenticator
from lumina_hub.auth.owner import OwnerTokenStore
from lumina_hub.auth.principal import Principal
from lumina_hub.errors import InvalidToken, MissingCsrfToken, MissingScope, Unauthenticated
from lumina_sdk.contract import Scope, ScopeSet


def asked(*headers: tuple[str, str], method: str = "GET", kind: str = "http") -> dict[str, object]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    return {"type": kind, "headers": raw, **({"method": method} if kind == "http" else {})}


def said(value: str) -> dict[str, object]:
    return asked(("Authorization", value))


class CountingStore:
    """Knows one token, and how often it was asked."""

    def __init__(self, expires_at: float | None = None) -> None:
        self.asked = 0
        self.principal: Principal | None = Principal("somebody", ScopeSet(["chat"]), expires_at=expires_at)

    async def find(self, token: str) -> Principal | None:
        self.asked += 1
        return self.principal if token == "right" else None


class OneSession:
    async def find(self, cookie: str) -> tuple[Principal, str] | None:
        return (Principal("user:ann", ScopeSet(["chat"])), "csrf") if cookie == "open" else None


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator([OwnerTokenStore("lum_right")], OneSession())


async def test_the_owners_token_may_do_everything(authenticator: Authenticator) -> None:
    principal = await authenticator.identify(said("Bearer lum_right"))

    assert principal.scopes.is_everything
    principal.demand(*Scope)


@pytest.mark.parametrize("header", ["bearer lum_right", "BEARER   lum_right "])
async def test_the_scheme_is_read_whatever_its_case(authenticator: Authenticator, header: str) -> None:
    assert (await authenticator.identify(said(header))).id == "owner"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic bHVtOnJpZ2h0", "lum_right"])
async def test_without_a_bearer_token_nobody_is_identified(authenticator: Authenticator, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.identify(said(header))
    with pytest.raises(Unauthenticated):
        await authenticator.identify(asked())


@pytest.mark.parametrize("token", ["lum_wrong", "lum_righ", "lum_right2", "ü" * 10, "x" * 100_000])
async def test_an_unknown_token_is_invalid(authenticator: Authenticator, token: str) -> None:
    with pytest.raises(InvalidToken):
        await authenticator.identify(said(f"Bearer {token}"))


def test_the_store_keeps_no_token() -> None:
    assert "lum_right" not in repr(vars(OwnerTokenStore("lum_right")))


def test_a_demand_names_every_scope_that_is_missing() -> None:
    principal = Principal("somebody", ScopeSet({Scope.CHAT}))

    principal.demand(Scope.CHAT)
    with pytest.raises(MissingScope) as caught:
        principal.demand(Scope.CHAT, Scope.WRITE_GRAPH, Scope.READ_GRAPH)
    assert caught.value.missing == ("read:graph", "write:graph")


async def test_a_token_seen_a_moment_ago_is_not_looked_up_again(clock) -> None:  # type: ignore[no-untyped-def]
    store = CountingStore()
    authenticator = Authenticator([store], clock=clock, ticks=clock)

    for _ in range(3):
        await authenticator.bearer("right")
    assert store.asked == 1
    clock.turn(1)
    await authenticator.bearer("right")
    assert store.asked == 2


async def test_a_revocation_elsewhere_counts_within_a_second(clock) -> None:  # type: ignore[no-untyped-def]
    store = CountingStore()
    authenticator = Authenticator([store], clock=clock, ticks=clock)
    await authenticator.bearer("right")

    store.principal = None
    clock.turn(1)

    with pytest.raises(InvalidToken):
        await authenticator.bearer("right")


async def test_a_revocation_here_counts_at_once(clock) -> None:  # type: ignore[no-untyped-def]
    store = CountingStore()
    authenticator = Authenticator([store], clock=clock, ticks=clock)
    await authenticator.bearer("right")

    store.principal = None
    authenticator.forget()

    with pytest.raises(InvalidToken):
        await authenticator.bearer("right")


async def test_what_is_remembered_ends_with_the_token(clock) -> None:  # type: ignore[no-untyped-def]
    store = CountingStore(expires_at=clock() + 0.25)
    authenticator = Authenticator([store], clock=clock, ticks=clock)
    await authenticator.bearer("right")

    clock.turn(0.25)
    await authenticator.bearer("right")

    assert store.asked == 2


async def test_an_unknown_token_is_never_remembered(clock) -> None:  # type: ignore[no-untyped-def]
    store = CountingStore()
    authenticator = Authenticator([store], clock=clock, ticks=clock)

    for number in range(20):
        with pytest.raises(InvalidToken):
            await authenticator.bearer(f"wrong{number}")

    assert len(authenticator._tokens) == 0


async def test_what_was_looked_up_before_a_revocation_is_not_remembered_after_it(clock) -> None:  # type: ignore[no-untyped-def]
    class RevokedWhileAsked(CountingStore):
        async def find(self, token: str) -> Principal | None:
            found = await super().find(token)
            authenticator.forget()
            return found

    store = RevokedWhileAsked()
    authenticator = Authenticator([store], clock=clock, ticks=clock)

    await authenticator.bearer("right")
    await authenticator.bearer("right")

    assert store.asked == 2


async def test_a_sessions_cookie_lets_in_who_only_reads(authenticator: Authenticator) -> None:
    principal = await authenticator.identify(asked(("Cookie", "theme=dark; lumina_session=open")))

    assert principal.id == "user:ann"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "INVENTED"])
@pytest.mark.parametrize("token", [None, "", "wrong", "csrf2"])
async def test_a_cookie_alone_changes_nothing(authenticator: Authenticator, method: str, token: str | None) -> None:
    headers = [("Cookie", "lumina_session=open"), *([("X-CSRF-Token", token)] if token is not None else [])]

    with pytest.raises(MissingCsrfToken):
        await authenticator.identify(asked(*headers, method=method))


async def test_a_cookie_with_its_csrf_token_may_change_something(authenticator: Authenticator) -> None:
    headers = [("Cookie", "lumina_session=open"), ("X-CSRF-Token", "csrf")]

    assert (await authenticator.identify(asked(*headers, method="POST"))).id == "user:ann"


@pytest.mark.parametrize("cookie", ["lumina_session=closed", "lumina_session=" + "x" * 5000])
async def test_an_unknown_session_is_invalid(authenticator: Authenticator, cookie: str) -> None:
    with pytest.raises(InvalidToken):
        await authenticator.identify(asked(("Cookie", cookie)))


@pytest.mark.parametrize("cookie", ["lumina_session=", "other=1", "lumina_session", "=;;="])
async def test_other_cookies_say_nothing(authenticator: Authenticator, cookie: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.identify(asked(("Cookie", cookie)))


async def test_a_wrong_token_is_not_made_good_by_a_cookie(authenticator: Authenticator) -> None:
    with pytest.raises(InvalidToken):
        await authenticator.identify(asked(("Authorization", "Bearer wrong"), ("Cookie", "lumina_session=open")))


@pytest.mark.parametrize(
    ("origin", "ok"),
    [("http://hub:8000", True), ("http://evil.example", False), ("http://hub", False), ("null", False), ("", False)],
)
async def test_a_websocket_with_a_cookie_opens_from_our_own_pages_only(
    authenticator: Authenticator, origin: str, ok: bool
) -> None:
    headers = [("Cookie", "lumina_session=open"), ("Origin", origin), ("Host", "hub:8000")]
    request = asked(*headers, kind="websocket")

    if ok:
        assert (await authenticator.identify(request)).id == "user:ann"
    else:
        with pytest.raises(MissingCsrfToken):
            await authenticator.identify(request)
