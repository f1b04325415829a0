"""A Redis client that raises our errors and waits out a restart of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from lumina_core.errors import CoreError, RedisDown, StorageFull

__all__ = ["Cancellation", "RedisClient", "connect_redis"]

_PAUSE_S: Final = 0.02
_CONNECTIONS: Final = 128
"""Per client; further calls wait for one to be free."""

_UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)

Diagnosis = Callable[[], CoreError | None]


def connect_redis(
    url: str, *, decode_responses: bool = True, patience_s: float = 2.0, diagnose: Diagnosis | None = None
) -> RedisClient:
    """Make a client; it connects when first used, and again whenever the server has been away.

    A command that was sent and got no reply is never sent again, for Redis may have carried it out: it raises
    `RedisDown` and the caller decides. Before anything is sent, the client waits up to `patience_s` for the server to
    be there and loaded.

    Args:
        url: `unix://…`, `redis://…` or `rediss://…`.
        decode_responses: Whether replies are `str` or `bytes`.
        patience_s: How long a call waits for a connection.
        diagnose: Asked, when the server does not answer, for an error that says more than `RedisDown`.
    """
    pool = _PatientPool.from_url(
        url,
        decode_responses=decode_responses,
        retry=Retry(NoBackoff(), 0),
        patience_s=patience_s,
        max_connections=_CONNECTIONS,
    )
    return RedisClient(pool, diagnose=diagnose)


class RedisClient(Redis):
    """`redis.asyncio.Redis` that raises `RedisDown` where it gets no answer and `StorageFull` where writes are refused.

    What the caller did wrong (a command on a key of another type) stays redis-py's `ResponseError`.
    """

    def __init__(self, pool: ConnectionPool, *, diagnose: Diagnosis | None = None) -> None:
        super().__init__(connection_pool=pool)
        self.auto_close_connection_pool = True
        self._diagnose = diagnose

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        cancellation = Cancellation()
        try:
            reply = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise _translate(error, self._diagnose) from error
        cancellation.notice()
        return reply

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return _TranslatingPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint, diagnose=self._diagnose
        )


class _TranslatingPipeline(Pipeline):
    def __init__(self, *args: Any, diagnose: Diagnosis | None) -> None:
        super().__init__(*args)
        self._diagnose = diagnose

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        cancellation = Cancellation()
        try:
            replies: list[Any] = await super().execute(raise_on_error)
        except (RedisError, OSError) as error:
            raise _translate(error, self._diagnose) from error
        cancellation.notice()
        return replies

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise _translate(error, self._diagnose) from error


class _PatientPool(BlockingConnectionPool):
    """Hands out connections to a server that answers, waiting for it to start or load its data."""

    def __init__(self, *args: Any, patience_s: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience_s = patience_s

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        while True:
            try:
                fresh = not connection.is_connected
                await super().ensure_connection(connection)
                if fresh:
                    await connection.send_command("PING")
                    await connection.read_response()
                return
            except AuthenticationError:
                raise
            except _UNREACHABLE:
                await connection.disconnect(nowait=True)
                if loop.time() >= deadline:
                    raise
                await asyncio.sleep(_PAUSE_S)


class Cancellation:
    """Notices that this task was cancelled since it was made, where something awaited in between did not.

    redis-py sends through `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes just as what it
    waits for completes. The task would go on for ever, and whoever cancelled it would wait for it.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._before = self._task.cancelling() if self._task else 0

    def notice(self) -> None:
        """Raises `CancelledError`."""
        if self._task is not None and self._task.cancelling() > self._before:
            raise asyncio.CancelledError


def _translate(error: Exception, diagnose: Diagnosis | None) -> Exception:
    """Give the error to raise; `error` itself where it is the caller's."""
    if isinstance(error, AuthenticationError):
        return RedisDown(f"Redis refused the login: {error}", hint="Check the user and password in LUMINA_REDIS_URL.")
    if isinstance(error, _UNREACHABLE):
        known = diagnose() if diagnose else None
        return known or RedisDown(f"Redis does not answer: {error}", hint="Wait a moment and try again.")
    if isinstance(error, ResponseError) and str(error).startswith(("MISCONF", "OOM")):
        return StorageFull(f"Redis refuses to write: {error}", hint="Free disk space or memory and try again.")
    return error
