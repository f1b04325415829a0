"""Events, pulled from the hub and given to the module's handlers, each at least once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import structlog
from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from lumina_sdk.client import HubClient
from lumina_sdk.contract.events import Delivery, FailedDelivery
from lumina_sdk.declarations import EventHandler
from lumina_sdk.errors import GiveUp, LuminaError, RateLimited, Refusal, Unavailable
from lumina_sdk.runtime.metrics import ModuleMetrics

__all__ = ["EventPump"]

_WAIT_S = 20.0
_LONGEST_PAUSE_S = 30.0
_LONGEST_RETRY_S = 300.0
_GRACE_S = 10.0
_TRIES = 5


class EventPump:
    """Follows every stream a module handles, from `__aenter__` to `__aexit__`.

    What was given out when the module stops gets ten seconds to finish. What does not, and what a killed process was
    busy with, the hub gives out again.
    """

    def __init__(
        self, handlers: Sequence[EventHandler], hub: HubClient, metrics: ModuleMetrics, log: FilteringBoundLogger
    ) -> None:
        self._followers = [_Follower(handler, hub, metrics, log) for handler in handlers]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(follower.follow()) for follower in self._followers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(follower.finish() for follower in self._followers))


class _Follower:
    """Follows one stream: as many events at one time as the handler allows, settled together where that is possible."""

    def __init__(
        self, handler: EventHandler, hub: HubClient, metrics: ModuleMetrics, log: FilteringBoundLogger
    ) -> None:
        self._handler, self._hub, self._metrics, self._log = handler, hub, metrics, log
        self._busy: set[asyncio.Task[None]] = set()
        self._done: list[str] = []
        self._failed: list[FailedDelivery] = []
        self._settling: asyncio.Task[None] | None = None

    async def follow(self) -> None:
        failures = 0
        while True:
            while (free := self._handler.concurrency - len(self._busy)) <= 0:
                await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
            try:
                read = await self._hub.events.read(
                    self._handler.stream, limit=free, wait_s=_WAIT_S, lease_s=self._handler.lease_s
                )
                failures = 0
            except LuminaError as error:
                failures += 1
                self._log.warning("events_not_read", stream=self._handler.stream, error=str(error))
                await self._hub.pause(failures, longest_s=_LONGEST_PAUSE_S)
                continue
            for delivery in read.deliveries:
                task = asyncio.create_task(self._handle(delivery))
                self._busy.add(task)
                task.add_done_callback(self._busy.discard)

    async def finish(self) -> None:
        """Let what is being handled come to its end, and settle it."""
        if self._busy:
            _, late = await asyncio.wait(self._busy, timeout=_GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._settling:
            await self._settling

    async def _handle(self, delivery: Delivery) -> None:
        event, stream = delivery.event, self._handler.stream
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(event_id=event.id, stream=stream, attempt=delivery.attempt):
            outcome, failure = "done", None
            try:
                await self._handler.function(
                    self._handler.data.model_validate(event.data) if self._handler.data else event
                )
            except (GiveUp, ValidationError) as error:
                outcome, failure = "given_up", str(error)
                self._log.warning("event_given_up", error=str(error))
            except Exception as error:
                outcome, failure = "failed", f"{type(error).__name__}: {error}"
                self._log.exception("event_failed")
        self._metrics.events.labels(stream, outcome).inc()
        self._metrics.event_seconds.labels(stream).observe(time.perf_counter() - started)
        if failure is None:
            self._done.append(delivery.receipt)
        else:
            self._failed.append(
                FailedDelivery(
                    receipt=delivery.receipt,
                    reason=failure[:2000],
                    give_up=outcome == "given_up",
                    retry_after_s=min(_LONGEST_RETRY_S, 2.0 ** min(delivery.attempt - 1, 16)),
                )
            )
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        """Tell the hub what became of events; of those that end meanwhile too, so many at a time take one request."""
        failures = 0
        while self._done or self._failed:
            done, failed = self._done[:1000], self._failed[:1000]
            try:
                await self._hub.events.settle(done=done, failed=failed)
            except LuminaError as error:
                failures += 1
                self._log.warning("events_not_settled", stream=self._handler.stream, error=str(error))
                if _may_pass(error) and failures < _TRIES:
                    await self._hub.pause(failures, longest_s=_LONGEST_PAUSE_S)
                    continue
                # The events come again when their lease ends.
            failures = 0
            del self._done[: len(done)], self._failed[: len(failed)]


def _may_pass(error: LuminaError) -> bool:
    return not isinstance(error, Refusal) or isinstance(error, RateLimited | Unavailable)
