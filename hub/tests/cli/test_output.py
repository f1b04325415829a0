from __future__ import annotations

import json

import pytest

from lumina_hub.cli.output import print_json, readable_bytes, readable_duration


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (150_000, "150 kB"), (2_500_000_000, "2.5 GB"), (3e15, "3000.0 TB")],
)
def test_sizes_are_short(size: float, shown: str) -> None:
    assert readable_bytes(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0.4 s"), (42, "42 s"), (59.9, "1 min 0 s"), (90, "1 min 30 s"), (7300, "2 h 1 min")]
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert readable_duration(seconds) == shown


def test_json_is_one_document_in_plain_letters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"title": "Café"})

    out = capsys.readouterr().out
    assert json.loads(out) == {"title": "Café"}
    assert "Café" in out


def test_json_without_indentation_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, 2]}, indent=None)

    assert capsys.readouterr().out.count("\n") == 1
