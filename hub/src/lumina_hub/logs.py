"""Where the hub's log goes: JSON into `logs/hub.log` of the home, and to stderr, readable on a terminal."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path
from typing import TextIO

import structlog
from structlog.types import Processor

__all__ = ["configure_logs"]

_FILE_BYTES = 16 * 1024 * 1024
_OLD_FILES = 4
_NOISY = (
    "httpx",
    "httpcore",
    "uvicorn.access",
    "uvicorn.error",
    "asyncio",
    "trafilatura",
    "charset_normalizer",
    "markdown_it",
)


def configure_logs(directory: Path, *, level: str, stream: TextIO | None = None) -> None:
    """Send this process's log, ours and the libraries', to `directory` and to `stream` (stderr unless given).

    Call it once, in `main`. A directory that cannot be written loses the file, not the hub.
    """
    stream = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    on_terminal = stream.isatty()
    handlers: list[logging.Handler] = [_stream_handler(stream, shared, readable=on_terminal)]
    problem: OSError | None = None
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = logging.handlers.RotatingFileHandler(
            directory / "hub.log", maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8", delay=False
        )
        file.setFormatter(_formatter(shared, _json()))
        handlers.append(file)
    except OSError as error:
        problem = error

    logging.captureWarnings(True)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    if problem is not None:
        structlog.get_logger(__name__).warning("log_file_unwritable", directory=str(directory), error=str(problem))


def _stream_handler(stream: TextIO, shared: list[Processor], *, readable: bool) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(shared, [structlog.dev.ConsoleRenderer()] if readable else _json()))
    return handler


def _json() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _formatter(shared: list[Processor], last: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
