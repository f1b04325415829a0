"""What it costs to know who is calling: processor time of the guard and of the issuer, one process, no network.

    .venv/bin/python bench/access.py [--json]

A real Redis, a real log. "seen" is a token met within the last second, "looked up" one that is verified anew. The
figures are processor time of the hub's own process, the best of five rounds: others' work changes them little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from lumina_core.drivers.redis_client import connect_redis
from lumina_core.drivers.redis_server import RedisServer
from lumina_core.graph.log import GraphLog
from lumina_hub.auth.opening import Auth, open_auth
from lumina_hub.auth.principal import EVERYTHING, OWNER, Principal, PrincipalKind
from lumina_hub.home import Home
from lumina_hub.settings_sources import load_settings
from lumina_sdk.contract import NewApiToken, ScopeSet

ROUNDS = 5
NEEDED = frozenset({"read:graph"})
GRANT = ScopeSet(["chat", "read:graph"])


async def best_us(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Microseconds of processor time of one call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            await work()
        rounds.append((time.process_time() - began) / times * 1e6)
    return round(min(rounds), 1)


async def measure(auth: Auth) -> dict[str, float]:
    owner = Principal(OWNER, EVERYTHING, PrincipalKind.OWNER)
    made = await auth.tokens.create(owner, NewApiToken(name="bench", scopes=tuple(GRANT)))
    caller = await auth.authenticator.bearer(made.token)
    figures = {}
    for kind, token in (("API token", made.token), ("signed token", auth.issuer.for_module("bench", GRANT).text)):
        headers = [(b"host", b"hub"), (b"accept", b"*/*"), (b"authorization", b"Bearer " + token.encode())]
        request = {"type": "http", "method": "GET", "headers": headers}

        async def seen(request: dict[str, object] = request) -> object:
            return await auth.guard.admit(request, NEEDED)

        async def looked_up(request: dict[str, object] = request) -> object:
            auth.authenticator.forget()
            return await auth.guard.admit(request, NEEDED)

        figures[f"admit, {kind}, seen"] = await best_us(seen, 5000)
        figures[f"admit, {kind}, looked up"] = await best_us(looked_up, 100)

    async def handed_out() -> object:
        return auth.issuer.on_behalf(caller, "bench", GRANT)

    async def signed() -> object:
        auth.issuer.forget()
        return auth.issuer.on_behalf(caller, "bench", GRANT)

    figures["on behalf, handed out again"] = await best_us(handed_out, 5000)
    figures["on behalf, signed"] = await best_us(signed, 200)
    return figures


async def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        settings = load_settings({"home": home}, {})
        server = await RedisServer.start(Path(folder) / "redis")
        redis = connect_redis(server.url)
        try:
            with GraphLog.open(Path(folder) / "graphs") as log:
                async with open_auth(Home.open(home), redis, log, settings) as auth:
                    return await measure(auth)
        finally:
            await redis.aclose()
            await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    figures = asyncio.run(run())
    if as_json:
        print(json.dumps(figures))
        return
    for name, microseconds in figures.items():
        print(f"{name:32} {microseconds:8.1f} µs")


if __name__ == "__main__":
    main()
