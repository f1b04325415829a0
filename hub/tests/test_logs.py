from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from lumina_hub.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        if handler not in handlers:
            handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_ours_and_the_libraries_lines_are_json_with_the_same_fields(tmp_path: Path) -> None:
    configure_logs(tmp_path / "logs", level="info", stream=io.StringIO())

    structlog.get_logger("lumina").info("module_registered", slug="crawler")
    logging.getLogger("library").warning("watch out")
    structlog.get_logger("lumina").debug("too_much")

    lines = [json.loads(line) for line in (tmp_path / "logs" / "hub.log").read_text().splitlines()]
    assert [(line["event"], line["level"], line["logger"]) for line in lines] == [
        ("module_registered", "info", "lumina"),
        ("watch out", "warning", "library"),
    ]
    assert lines[0]["slug"] == "crawler"


def test_an_error_keeps_its_trace(tmp_path: Path) -> None:
    configure_logs(tmp_path, level="info", stream=io.StringIO())
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("request_failed")

    assert "ValueError: broken" in json.loads((tmp_path / "hub.log").read_text())["exception"]


def test_a_log_folder_that_cannot_be_made_costs_the_file_and_not_the_hub(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    stream = io.StringIO()

    configure_logs(tmp_path / "logs", level="info", stream=stream)

    assert json.loads(stream.getvalue())["event"] == "log_file_unwritable"
