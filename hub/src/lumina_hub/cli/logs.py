"""Where logs go while a command runs."""

from __future__ import annotations

import logging
import os
import sys

import structlog

from lumina_hub.cli.options import DEBUG

__all__ = ["log_to_stderr"]


def log_to_stderr() -> None:
    """Send warnings (with LUMINA_DEBUG everything) to stderr: stdout is for data."""
    level = logging.DEBUG if os.environ.get(DEBUG) else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
