"""Signed tokens that must not be accepted although their time is not over."""

from __future__ import annotations

import math
from collections.abc import Callable

from lumina_core.drivers.redis_client import RedisClient
from lumina_hub.auth.jwt.claims import Claims
from lumina_hub.auth.jwt.signing import LEEWAY_S
from lumina_hub.auth.keys.ring import LONGEST_TOKEN_S

__all__ = ["Revocations"]

_TOKEN = "auth:revoked:{}"  # noqa: S105 - a key of Redis
_ISSUED_TO = "auth:revoked-before:{}"


class Revocations:
    """Kept in Redis for as long as such a token could still be valid. Every method raises `RedisDown`."""

    def __init__(self, redis: RedisClient, *, clock: Callable[[], float]) -> None:
        self._redis = redis
        self._clock = clock

    async def revoke(self, claims: Claims) -> None:
        """Accept this one token no more."""
        left_s = math.ceil(claims.expires_at - self._clock()) + LEEWAY_S
        if left_s > 0:
            await self._redis.set(_TOKEN.format(claims.token_id), "1", ex=left_s)

    async def revoke_all(self, client_id: str) -> None:
        """Accept no token more that was issued to this module or API client until now."""
        longest_s = int(LONGEST_TOKEN_S) + LEEWAY_S
        await self._redis.set(_ISSUED_TO.format(client_id), repr(self._clock()), ex=longest_s)

    async def covers(self, claims: Claims) -> bool:
        """Whether the token was revoked."""
        token, before = await self._redis.mget(_TOKEN.format(claims.token_id), _ISSUED_TO.format(claims.client_id))
        return token is not None or (before is not None and claims.issued_at <= float(before))
