"""Waking whoever waits for a key in Redis to change, whoever changes it: this hub, another, or a person's `redis-cli`.

One connection listens for keyspace notifications of streams and sorted sets. A Redis that will not send them is looked
at once a second instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError, ResponseError

from lumina_core.drivers.redis_client import Cancellation, RedisClient
from lumina_core.errors import CoreError

__all__ = ["Arrivals", "Watch"]

_WANTED = "Kzt"
"""Notifications by key, of sorted sets and streams."""
_LOOK_EVERY_S = 1.0
_READ_TIMEOUT_S = 30.0
_BACKOFF_S = 0.2
_log = structlog.get_logger(__name__)


class Watch:
    """Some keys, watched. It is set once one of them changed, and stays so until `wait` returned."""

    def __init__(self, channels: frozenset[str], arrivals: Arrivals) -> None:
        """Use `Arrivals.watch`."""
        self.channels = channels
        self._arrivals = arrivals
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when one of the keys may have changed since the last look, or after `timeout_s`."""
        if not self._arrivals.is_told:
            timeout_s = min(timeout_s, _LOOK_EVERY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):  # `wait_for` may lose a cancellation
                await self._event.wait()
        self._event.clear()


class Arrivals:
    """Watches keys of one Redis, over one connection. For one event loop; make one with `open`."""

    def __init__(self, redis: RedisClient) -> None:
        """Use `open`."""
        self._redis = redis
        self._database = int(redis.connection_pool.connection_kwargs.get("db") or 0)
        self._watches: set[Watch] = set()
        self._confirmed: dict[str, asyncio.Event] = {}
        self._pubsub: PubSub | None = None
        self._is_released = False

    @classmethod
    @asynccontextmanager
    async def open(cls, redis: RedisClient) -> AsyncIterator[Arrivals]:
        """Listen while the block runs."""
        arrivals = cls(redis)
        listening = asyncio.create_task(arrivals._listen())
        try:
            yield arrivals
        finally:
            arrivals.release()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    @property
    def is_told(self) -> bool:
        """Whether Redis sends notifications now."""
        return self._pubsub is not None

    @property
    def is_released(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._is_released

    def release(self) -> None:
        """Wake everybody, for good: the hub is stopping."""
        self._is_released = True
        self._wake_all()

    def wake(self, *keys: str) -> None:
        """Wake whoever watches one of the keys in this process, though the key itself did not change."""
        for key in keys:
            self._wake(self._channel(key))

    @asynccontextmanager
    async def watch(self, *keys: str) -> AsyncIterator[Watch]:
        """Watch the keys while the block runs. Look at them in it before the first `wait`: nothing is missed then."""
        watch = Watch(frozenset(map(self._channel, keys)), self)
        self._watches.add(watch)
        try:
            await self._subscribe(watch.channels)
            yield watch
        finally:
            self._watches.discard(watch)
            with contextlib.suppress(CoreError, RedisError, OSError):
                await self._unsubscribe(watch.channels)

    async def _subscribe(self, channels: frozenset[str]) -> None:
        pubsub = self._pubsub
        if pubsub is None:
            return
        new = [channel for channel in channels if channel not in self._confirmed]
        for channel in new:
            self._confirmed[channel] = asyncio.Event()
        try:
            if new:
                await pubsub.subscribe(*new)
            for channel in channels:
                if (confirmed := self._confirmed.get(channel)) is not None:
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await confirmed.wait()
        except (CoreError, RedisError, OSError, TimeoutError):
            for channel in new:
                self._confirmed.pop(channel, None)
            await pubsub.aclose()  # type: ignore[no-untyped-call]  # `_listen` makes another

    async def _unsubscribe(self, channels: frozenset[str]) -> None:
        still = frozenset().union(*(watch.channels for watch in self._watches)) if self._watches else frozenset()
        gone = [channel for channel in channels - still if self._confirmed.pop(channel, None) is not None]
        if gone and self._pubsub is not None:
            await self._pubsub.unsubscribe(*gone)

    async def _listen(self) -> None:
        while True:
            try:
                await self._ask_for_notifications()
                await self._follow()
            except ResponseError as error:
                _log.warning("redis_sends_no_notifications", reason=str(error))
                return
            except (CoreError, RedisError, OSError, RuntimeError) as error:
                _log.info("redis_notifications_interrupted", reason=str(error))
            self._wake_all()
            await asyncio.sleep(_BACKOFF_S)

    async def _ask_for_notifications(self) -> None:
        """Add what we want to what others asked for. A restarted Redis has forgotten it."""
        settings: Any = await self._redis.config_get("notify-keyspace-events")
        held = str(settings["notify-keyspace-events"])
        missing = [flag for flag in _WANTED if flag not in held and not (flag != "K" and "A" in held)]
        if missing:
            await self._redis.config_set("notify-keyspace-events", held + "".join(missing))

    async def _follow(self) -> None:
        pubsub, cancellation = self._redis.pubsub(), Cancellation()
        try:
            channels = frozenset().union(*(watch.channels for watch in self._watches)) if self._watches else frozenset()
            first = self._channel("lumina:nothing")  # a connection must listen to something
            self._confirmed = {channel: asyncio.Event() for channel in channels}
            await pubsub.subscribe(first, *channels)
            self._pubsub = pubsub
            self._wake_all()  # what came while nobody listened
            while True:
                message = await pubsub.get_message(timeout=_READ_TIMEOUT_S)
                cancellation.notice()
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "subscribe":
                    if (confirmed := self._confirmed.get(message["channel"])) is not None:
                        confirmed.set()
                elif message["type"] == "message":
                    self._wake(message["channel"])
        finally:
            self._pubsub = None
            for confirmed in self._confirmed.values():
                confirmed.set()
            self._confirmed = {}
            with contextlib.suppress(CoreError, RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _channel(self, key: str) -> str:
        return f"__keyspace@{self._database}__:{key}"

    def _wake(self, channel: str) -> None:
        for watch in self._watches:
            if channel in watch.channels:
                watch.set()

    def _wake_all(self) -> None:
        for watch in self._watches:
            watch.set()
