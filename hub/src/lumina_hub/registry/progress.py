"""Work that takes its time, told as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import structlog
from pydantic import BaseModel

from lumina_core.errors import CoreError
from lumina_hub.errors import HubError
from lumina_hub.problems import problem_of
from lumina_hub.registry.pip import Report
from lumina_sdk.contract.module import InstallProgress

__all__ = ["Works"]

_Result = TypeVar("_Result", bound=BaseModel)
_log = structlog.get_logger(__name__)


class Works:
    """Work that is finished whether or not anybody waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[BaseModel]] = set()

    async def done(self, work: Callable[[Report], Awaitable[_Result]]) -> _Result:
        """The result."""
        return await asyncio.shield(self._begin(work, _write_down))

    async def told(
        self, work: Callable[[Report], Awaitable[BaseModel]], request_id: str | None
    ) -> AsyncIterator[bytes]:
        """Yield `progress`es, then `done` with the result; or `error` with a problem, after which nothing follows."""
        lines: asyncio.Queue[str | None] = asyncio.Queue()

        def report(line: str) -> None:
            _write_down(line)
            lines.put_nowait(line)

        task = self._begin(work, report)
        task.add_done_callback(lambda _: lines.put_nowait(None))
        while (line := await lines.get()) is not None:
            yield _event("progress", InstallProgress(line=line))
        try:
            yield _event("done", task.result())
        except (HubError, CoreError) as error:
            yield _event("error", problem_of(error, request_id=request_id))
        except Exception as error:
            _log.exception("module_work_failed", request_id=request_id)
            yield _event("error", problem_of(error, request_id=request_id))

    async def close(self) -> None:
        """Break off what is not finished. Nothing half-done stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Callable[[Report], Awaitable[_Result]], report: Report) -> asyncio.Task[_Result]:
        async def run() -> _Result:
            return await work(report)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _write_down(line: str) -> None:
    _log.info("module_install", line=line)


def _event(name: str, data: BaseModel) -> bytes:
    return f"event: {name}\ndata: {data.model_dump_json(exclude_none=True)}\n\n".encode()
