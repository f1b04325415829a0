"""A module's log: JSON lines on standard error, which the hub keeps and shows with `lumina plugin logs`."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

__all__ = ["JsonHandler", "module_logger"]

_PROCESSORS: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt=None, utc=True, key="ts"),
    structlog.processors.format_exc_info,
    structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
)


class _StandardError:
    """Looks `sys.stderr` up at each line, so that a test can put something else there."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = log = msg


def module_logger() -> FilteringBoundLogger:
    """A logger whose lines are events with fields: `log.info("day_added", day=day)`. It sets up nothing globally."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        _StandardError(),
        processors=list(_PROCESSORS),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    return logger


class JsonHandler(logging.StreamHandler[TextIO]):
    """Writes what libraries log with `logging` the same way. `lumina_sdk.serve` installs it for its process."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "ts": record.created,
        }
        if record.exc_info:
            line["exception"] = logging.Formatter().formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
