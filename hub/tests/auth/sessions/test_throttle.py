from __future__ import annotations

import pytest

from lumina_hub.auth.sessions.throttle import ADDRESS, USER, LoginThrottle, network_of
from lumina_hub.errors import Throttled


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("local", "local"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_one_client_is_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


async def wait_s(throttle: LoginThrottle, keys: dict[object, str]) -> int:
    try:
        await throttle.take(keys)  # type: ignore[arg-type]
    except Throttled as error:
        return error.retry_after_s
    return 0


async def test_the_wait_never_exceeds_its_bound(redis, clock) -> None:  # type: ignore[no-untyped-def]
    throttle = LoginThrottle(redis, clock=clock)
    longest = 0
    for _ in range(60):
        while wait := await wait_s(throttle, {USER: "ann"}):
            longest = max(longest, wait)
            clock.turn(wait)

    assert longest == USER.longest_s


async def test_a_success_forgives_the_user_and_not_the_address(redis, clock) -> None:  # type: ignore[no-untyped-def]
    throttle = LoginThrottle(redis, clock=clock)
    for number in range(ADDRESS.free):
        await throttle.take({ADDRESS: "192.0.2.7", USER: f"user{number}"})
    await throttle.take({ADDRESS: "192.0.2.7", USER: "eve"})
    await throttle.succeeded({ADDRESS: "192.0.2.7", USER: "eve"})

    assert await wait_s(throttle, {ADDRESS: "192.0.2.7"}) == 0
    assert await wait_s(throttle, {ADDRESS: "192.0.2.7"}) == 1
    assert await redis.exists("auth:throttle:user:eve") == 0


async def test_what_is_counted_is_forgotten_after_a_day(redis, clock) -> None:  # type: ignore[no-untyped-def]
    throttle = LoginThrottle(redis, clock=clock)
    await throttle.take({ADDRESS: "192.0.2.7", USER: "ann"})
    await throttle.succeeded({ADDRESS: "198.51.100.1"})

    for key in await redis.keys("auth:throttle:*"):
        assert 0 < await redis.ttl(key) <= 24 * 3600
