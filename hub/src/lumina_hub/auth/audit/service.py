"""The audit log: who was let do what, and who was refused. Never a secret, and never a user's words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from pydantic import JsonValue

from lumina_core.errors import CoreError, InvalidInput
from lumina_core.graph.log import CorruptLine, GraphLog, LogPosition, read_log_backwards
from lumina_hub.auth.audit.events import AUDIT, AuditEvent
from lumina_sdk.contract import AuditEntries, AuditEntry

__all__ = ["Audit"]

_AT_MOST = 5
_WINDOW_S = 60.0
_KINDS = 1000
_OTHERS = "others"
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Window:
    """What happened again and again within a minute: `more` times beyond what was written down one by one."""

    began_at: float
    record: dict[str, Any]
    written: int = 0
    more: int = 0


class Audit:
    """Appends to the graph log, one event a line.

    Args:
        log: Where to.
        clock: The present, epoch seconds.
    """

    def __init__(self, log: GraphLog, *, clock: Callable[[], float]) -> None:
        self._graph_log = log
        self._clock = clock
        self._windows: dict[tuple[str, ...], _Window] = {}

    async def record(
        self, event: AuditEvent, *, by: str, about: str | None = None, allowed: bool = True, **details: JsonValue
    ) -> None:
        """Write an event down; on the disk once this returns.

        Args:
            event: What happened.
            by: The id of the principal that did it, or wanted to.
            about: The id of the principal it is about.
            allowed: Whether it was let do it.
            details: Ids, names and scopes. Those that are None are left out.

        Raises:
            StorageFull: it was not written.
        """
        await asyncio.wrap_future(self._append(self._line(event, by, about, allowed, details)))

    def note(
        self, event: AuditEvent, *, by: str, about: str | None = None, allowed: bool = True, **details: JsonValue
    ) -> None:
        """Write down what somebody can cause at will: of the same event, by the same principal and with the same
        details, five a minute one by one, and then how many more there were. Does not wait for the disk."""
        record = self._line(event, by, about, allowed, details)
        now = self._clock()
        key = (event.value, by, about or "", *map(str, details.values()))
        if key not in self._windows and len(self._windows) >= _KINDS:
            self.settle()
            if len(self._windows) >= _KINDS:
                key, record = (event.value, _OTHERS), self._line(event, _OTHERS, None, allowed, {})
        window = self._windows.get(key)
        if window is not None and now - window.began_at >= _WINDOW_S:
            self._close(key, window)
            window = None
        if window is None:
            window = self._windows[key] = _Window(now, record)
        if window.written < _AT_MOST:
            window.written += 1
            self._append_unwatched(record)
        else:
            window.more += 1

    def settle(self, *, all_of_them: bool = False) -> None:
        """Write down how many more there were of what began over a minute ago, or `all_of_them`."""
        now = self._clock()
        for key, window in list(self._windows.items()):
            if all_of_them or now - window.began_at >= _WINDOW_S:
                self._close(key, window)

    async def keep(self) -> None:
        """Settle every minute, for ever, and what is left at the end."""
        try:
            while True:
                await asyncio.sleep(_WINDOW_S)
                self.settle()
        finally:
            self.settle(all_of_them=True)

    async def latest(
        self, *, limit: int, event: AuditEvent | None = None, by: str | None = None, before: str | None = None
    ) -> AuditEntries:
        """The newest events, newest first. `before` is the cursor of the page ahead.

        Raises:
            InvalidInput: `before` is no cursor.
        """

        def read() -> AuditEntries:
            end = _position(before) if before is not None else None
            lines = read_log_backwards(self._graph_log.root, AUDIT, end, on_corrupt=_report_line)
            found = (
                line
                for line in lines
                if (event is None or line.record.get("event") == event) and (by is None or line.record.get("by") == by)
            )
            page = list(islice(found, limit + 1))
            more = f"{page[limit - 1].day}:{page[limit - 1].start}" if len(page) > limit else None
            return AuditEntries(
                entries=tuple(AuditEntry.model_validate(line.record) for line in page[:limit]), before=more
            )

        return await asyncio.to_thread(read)

    def _line(
        self, event: AuditEvent, by: str, about: str | None, allowed: bool, details: Mapping[str, JsonValue]
    ) -> dict[str, Any]:
        said = {key: value for key, value in details.items() if value is not None}
        entry = AuditEntry(ts=self._now(), event=event, by=by, about=about, allowed=allowed, details=said)
        return entry.model_dump(mode="json", exclude_none=True)

    def _now(self) -> float:
        return round(self._clock(), 3)

    def _close(self, key: tuple[str, ...], window: _Window) -> None:
        del self._windows[key]
        if window.more:
            details = {**window.record["details"], "more": window.more}
            self._append_unwatched({**window.record, "ts": self._now(), "details": details})

    def _append(self, record: dict[str, Any]) -> Future[Any]:
        return self._graph_log.append(AUDIT, [record])

    def _append_unwatched(self, record: dict[str, Any]) -> None:
        try:
            self._append(record).add_done_callback(_report)
        except CoreError as error:
            _log.warning("audit_line_lost", reason=error.message)


def _position(cursor: str) -> LogPosition:
    day, _, offset = cursor.partition(":")
    if not offset.isascii() or not offset.isdigit():
        raise InvalidInput(f"{cursor!r} is no place in the audit log", hint="Give the `before` of an earlier page.")
    return LogPosition(day, int(offset))


def _report_line(error: CorruptLine) -> None:
    _log.warning("audit_line_unreadable", file=str(error.path), offset=error.offset)


def _report(future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        _log.warning("audit_line_lost", reason=str(error))
