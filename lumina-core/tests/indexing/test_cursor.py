from __future__ import annotations

from dataclasses import replace

import pytest

from lumina_core.errors import InvalidInput
from lumina_core.graph.log import LogPosition
from lumina_core.indexing.cursor import Cursor, Phase, Space, load_cursor, save_cursor

SPACE = Space("onnx", "MiniLM", 384, 1, "1.1")


def test_a_cursor_is_read_back_as_it_was_saved(tmp_path):
    cursor = Cursor(SPACE, Phase.FOLLOWING, LogPosition("2026/11/22", 17), rebuild=3, articles=2, chunks=9)
    save_cursor(tmp_path / "indexer.json", replace(cursor, chunks=1))
    save_cursor(tmp_path / "indexer.json", cursor)

    assert load_cursor(tmp_path / "indexer.json") == cursor
    assert [path.name for path in tmp_path.iterdir()] == ["indexer.json"]


def test_no_cursor_is_none(tmp_path):
    assert load_cursor(tmp_path / "indexer.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"space": 1}', b"\xff"])
def test_what_is_no_cursor_says_what_to_do(tmp_path, content):
    (tmp_path / "indexer.json").write_bytes(content)

    with pytest.raises(InvalidInput) as refusal:
        load_cursor(tmp_path / "indexer.json")

    assert "Delete it" in refusal.value.hint


def test_two_spaces_say_how_they_differ():
    assert SPACE.differences(replace(SPACE, model="BGE")) == ("model 'MiniLM', now 'BGE'",)
    assert SPACE.differences(SPACE) == ()
