"""API tokens in Redis: `tokens:<id>` holds what is known of one, never the token."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from lumina_core.drivers.redis_client import RedisClient
from lumina_sdk.contract import ScopeSet

__all__ = ["ApiToken", "ApiTokenStore", "digest_of", "new_token", "split"]

_RECORD = "tokens:{}"
_IDS = "tokens"
_USED = "tokens-used"
_TOKEN = re.compile(r"lum_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(b"").digest()
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """Times are epoch seconds. `creator` is a principal's id; `scopes` are as granted."""

    id: str
    name: str
    digest: bytes
    scopes: ScopeSet
    creator: str
    created_at: float
    is_client: bool = False
    expires_at: float | None = None
    last_used_at: float | None = None

    def is_expired(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def new_token() -> tuple[str, str]:
    """An id and the token that begins with it: 256 random bits, which need no slow hash."""
    id = secrets.token_hex(6)
    return id, f"lum_{id}_{secrets.token_urlsafe(32)}"


def split(token: str) -> str | None:
    """The id in a token; None for what has not the shape of one."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else None


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class ApiTokenStore:
    """Every method raises `RedisDown`. What was added or removed is on the disk once the call returns."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def add(self, token: ApiToken) -> None:
        record: dict[Any, Any] = {
            "name": token.name,
            "digest": token.digest.hex(),
            "scopes": str(token.scopes),
            "creator": token.creator,
            "created_at": repr(token.created_at),
            "client": "yes" if token.is_client else "no",
        }
        if token.expires_at is not None:
            record["expires_at"] = repr(token.expires_at)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_RECORD.format(token.id), mapping=record)
            pipe.sadd(_IDS, token.id)
            await pipe.execute()

    async def remove(self, id: str) -> bool:
        """Whether there was one."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_RECORD.format(id))
            pipe.srem(_IDS, id)
            pipe.hdel(_USED, id)
            removed, *_ = await pipe.execute()
        return bool(removed)

    async def remove_made_by(self, creator: str) -> None:
        for token in await self.all():
            if token.creator == creator:
                await self.remove(token.id)

    async def get(self, id: str) -> ApiToken | None:
        return _read(id, await self._redis.hgetall(_RECORD.format(id)))

    async def matching(self, token: str) -> ApiToken | None:
        """The record of a token, if it is the right one. An unknown id costs what a wrong secret does."""
        id = split(token)
        if id is None:
            return None
        known = await self.get(id)
        right = hmac.compare_digest(digest_of(token), known.digest if known is not None else _NOBODY)
        return known if right else None

    async def all(self) -> list[ApiToken]:
        """Every token, the newest first."""
        ids = sorted(map(str, await self._redis.smembers(_IDS)))
        if not ids:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for id in ids:
                pipe.hgetall(_RECORD.format(id))
            pipe.hgetall(_USED)
            *records, used = await pipe.execute()
        found = [_read(id, record, used.get(id)) for id, record in zip(ids, records, strict=True)]
        return sorted((each for each in found if each is not None), key=lambda each: (-each.created_at, each.id))

    async def mark_used(self, id: str, now: float) -> bool:
        """Note when a token was last used; whether it was the first time."""
        first = await self._redis.hsetnx(_USED, id, repr(now))
        if not first:
            await self._redis.hset(_USED, id, repr(now))
        return bool(first)


def _read(id: str, record: Mapping[Any, Any], used: str | None = None) -> ApiToken | None:
    if not record:
        return None
    try:
        return ApiToken(
            id=id,
            name=record["name"],
            digest=bytes.fromhex(record["digest"]),
            scopes=ScopeSet.parse(record["scopes"]),
            creator=record["creator"],
            created_at=float(record["created_at"]),
            is_client=record["client"] == "yes",
            expires_at=float(record["expires_at"]) if "expires_at" in record else None,
            last_used_at=float(used) if used is not None else None,
        )
    except (KeyError, ValueError) as error:
        _log.warning("token_unreadable", token=id, error=str(error))
        return None
