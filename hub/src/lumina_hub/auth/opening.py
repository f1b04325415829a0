"""The parts of authentication, joined: the one place that knows them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher

from lumina_core.drivers.redis_client import RedisClient
from lumina_core.graph.log import GraphLog
from lumina_hub.auth.access import Guard
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.authenticator import Authenticator, TokenStore
from lumina_hub.auth.holders import Holders
from lumina_hub.auth.jwt.issuer import TokenIssuer
from lumina_hub.auth.jwt.revocations import Revocations
from lumina_hub.auth.jwt.verifier import SignedTokenStore
from lumina_hub.auth.keys.ring import KeyRing
from lumina_hub.auth.keys.service import KeyService
from lumina_hub.auth.oauth.service import OAuthService
from lumina_hub.auth.owner import OwnerTokenStore
from lumina_hub.auth.principal import module_id
from lumina_hub.auth.sessions.finder import LiveSessions
from lumina_hub.auth.sessions.service import SessionService
from lumina_hub.auth.sessions.store import SessionStore
from lumina_hub.auth.sessions.throttle import LoginThrottle
from lumina_hub.auth.tokens.finder import ApiTokenFinder
from lumina_hub.auth.tokens.service import TokenService
from lumina_hub.auth.tokens.store import ApiTokenStore
from lumina_hub.auth.users.passwords import Passwords
from lumina_hub.auth.users.service import UserService
from lumina_hub.auth.users.store import UserStore
from lumina_hub.background import running
from lumina_hub.home import Home
from lumina_hub.settings import Settings

__all__ = ["Auth", "open_auth"]

_HASHING_THREADS = 2


@dataclass(frozen=True, slots=True)
class Auth:
    """What the routes, the gateway and the registry use."""

    guard: Guard
    authenticator: Authenticator
    audit: Audit
    issuer: TokenIssuer
    revocations: Revocations
    keys: KeyRing
    key_service: KeyService
    oauth: OAuthService
    sessions: SessionService
    tokens: TokenService
    users: UserService

    async def end_module(self, slug: str) -> None:
        """Accept no token more that the module has by now: it was disabled, or may do less. Raises `RedisDown`."""
        await self.revocations.revoke_all(module_id(slug))
        self.issuer.forget()
        self.authenticator.forget()


@asynccontextmanager
async def open_auth(
    home: Home,
    redis: RedisClient,
    log: GraphLog,
    settings: Settings,
    *,
    token_stores: Sequence[TokenStore] = (),
    hasher: PasswordHasher | None = None,
    clock: Callable[[], float] = time.time,
    ticks: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Auth]:
    """Know who is calling while the block runs.

    Args:
        home: Held by this process: its owner's token and its keys count.
        redis: Holds tokens, users and sessions.
        log: Takes the audit log.
        settings: How long things last.
        token_stores: Asked for a token nobody else knows, in order.
        hasher: How passwords are hashed; None is what RFC 9106 asks for.
        clock: The present, epoch seconds.
        ticks: Seconds that only go forward.
    """
    owner = OwnerTokenStore(home.owner_token())
    keys = await asyncio.to_thread(KeyRing.open, home.path / "keys", clock=clock)
    audit = Audit(log, clock=clock)
    users, tokens = UserStore(redis), ApiTokenStore(redis)
    holders = Holders(users, tokens, clock=clock)
    finder = ApiTokenFinder(tokens, holders, audit, clock=clock, ticks=ticks)
    revocations = Revocations(redis, clock=clock)
    signed = SignedTokenStore(keys, revocations, holders, issuer=settings.issuer, clock=clock)
    store = SessionStore(redis, idle_s=settings.session_idle_s, longest_s=settings.session_longest_s, clock=clock)
    authenticator = Authenticator(
        [owner, finder, signed, *token_stores],
        LiveSessions(store, owner, users, tokens, holders),
        clock=clock,
        ticks=ticks,
    )
    issuer = TokenIssuer(keys, settings.issuer, clock=clock, ticks=ticks)
    with ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="password") as threads:
        user_service = UserService(
            users, tokens, Passwords(threads, hasher), audit, on_change=authenticator.forget, clock=clock
        )
        throttle = LoginThrottle(redis, clock=clock)
        async with running([audit.keep()]):
            yield Auth(
                guard=Guard(authenticator, audit),
                authenticator=authenticator,
                audit=audit,
                issuer=issuer,
                revocations=revocations,
                keys=keys,
                key_service=KeyService(keys, issuer, audit),
                oauth=OAuthService(
                    tokens,
                    finder,
                    issuer,
                    signed,
                    revocations,
                    audit,
                    lifetime_s=settings.access_token_s,
                    on_change=authenticator.forget,
                ),
                sessions=SessionService(store, user_service, throttle, authenticator, audit),
                tokens=TokenService(tokens, audit, on_change=authenticator.forget, clock=clock),
                users=user_service,
            )
