"""First answers, kept so that a repeated request gets the same one (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from lumina_core.drivers.redis_client import RedisClient
from lumina_hub.errors import KeyReused, RequestInProgress

__all__ = ["Claim", "FirstAnswers", "KeptAnswer"]

_KEPT_S = 24 * 3600
_RUNNING_S = 20
_LARGEST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered first. `body` is base64."""

    fingerprint: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.body)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key whose request is being served."""

    key: str
    fingerprint: str


class FirstAnswers:
    """Kept in Redis for a day, each for one principal and key. Every method raises `RedisDown`."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def claim(self, principal: str, key: str, fingerprint: str) -> Claim | KeptAnswer:
        """Begin a request, or give what it was answered before.

        Raises:
            KeyReused: the key stands for another request.
            RequestInProgress: the same request is being served now.
        """
        name = "once:" + hashlib.sha256(f"{principal}\n{key}".encode()).hexdigest()
        if await self._redis.set(name, fingerprint, nx=True, ex=_RUNNING_S):
            return Claim(name, fingerprint)
        held: Any = await self._redis.get(name)
        if held is None:  # it ended in between
            return await self.claim(principal, key, fingerprint)
        if not held.startswith("{"):
            raise RequestInProgress if held == fingerprint else KeyReused(key)
        answer = msgspec.json.decode(held, type=KeptAnswer)
        if answer.fingerprint != fingerprint:
            raise KeyReused(key)
        return answer

    async def keep(self, claim: Claim, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if len(body) > _LARGEST_BYTES:
            await self.forget(claim)
            return
        answer = KeptAnswer(claim.fingerprint, status, tuple(headers), base64.b64encode(body).decode())
        await self._redis.set(claim.key, msgspec.json.encode(answer), ex=_KEPT_S)

    async def forget(self, claim: Claim) -> None:
        """The request came to nothing; a repeated one is served anew."""
        await self._redis.delete(claim.key)
