from __future__ import annotations

import io

import pytest
from rich.console import Console

from lumina_hub.cli import progress as module
from lumina_hub.cli.progress import progress


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> io.StringIO:
    out = io.StringIO()
    console = Console(file=out, force_terminal=request.param, width=200, color_system=None)
    monkeypatch.setattr(module, "notes", lambda: console)
    return out


@pytest.mark.parametrize("watched", [False], indirect=True)
def test_without_a_terminal_progress_is_a_plain_line_now_and_then(watched: io.StringIO) -> None:
    with progress("Reading notes") as shown:
        shown.move(1, 4, rate="3 articles", eta_s=90)
        shown.move(2, 4, rate="6 articles", eta_s=60)
        shown.say("Indexing")
        shown.move(3, None)

    assert watched.getvalue().splitlines() == ["Reading notes   25%  3 articles  1 min 30 s left", "Indexing"]


@pytest.mark.parametrize("watched", [True], indirect=True)
def test_on_a_terminal_progress_is_a_bar_with_rate_and_remaining_time(watched: io.StringIO) -> None:
    with progress("Reading notes") as shown:
        shown.move(1, 4, rate="3 articles", eta_s=90)

    written = watched.getvalue()
    assert "Reading notes" in written
    assert "25%" in written
    assert "3 articles" in written
    assert "1 min 30 s left" in written
