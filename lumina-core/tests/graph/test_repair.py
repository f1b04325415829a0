from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.graph.log import GraphLog, read_log
from lumina_core.graph.repair import repair_tail

TURNS = "chat/turns"
DAY = "2026/11/22"
LAST = {"id": "last", "user": "naïve — 東京\n{}", "embedding": [0.25, -1.5]}


def write_log(root: Path) -> Path:
    with GraphLog.open(root, today=lambda: DAY) as log:
        log.append(TURNS, [{"id": 1}, {"id": 2}, LAST]).result()
    return root / "chat" / DAY / "turns.ndjson"


def test_a_log_torn_at_any_byte_of_its_last_record_keeps_all_earlier_ones_and_goes_on(tmp_path):
    whole = write_log(tmp_path / "whole").read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(begin, len(whole)):
        root = tmp_path / str(cut)
        path = root / "chat" / DAY / "turns.ndjson"
        path.parent.mkdir(parents=True)
        path.write_bytes(whole[:cut])

        with GraphLog.open(root, today=lambda: DAY) as log:
            log.append(TURNS, [{"id": "next"}]).result()

        assert [entry.record["id"] for entry in read_log(root, TURNS)] == [1, 2, "next"]
        torn = path.with_name("turns.ndjson.torn-1")
        assert (torn.read_bytes() if torn.exists() else b"") == whole[begin:cut]


@settings(deadline=None, max_examples=50)
@given(tail=st.binary(min_size=1, max_size=80), lines=st.integers(0, 3))
def test_whatever_stands_at_the_end_the_sound_lines_before_it_stay(scratch, tail, lines):
    with scratch() as folder:
        path = folder / "turns.ndjson"
        sound = b"".join(json.dumps({"id": n}).encode() + b"\n" for n in range(lines))
        path.write_bytes(sound + tail)

        moved = repair_tail(path)

        assert path.read_bytes().startswith(sound)
        torn = path.with_name("turns.ndjson.torn-1")
        assert path.read_bytes() + (torn.read_bytes() if moved else b"") == sound + tail
        assert repair_tail(path) == 0


def test_last_lines_that_hold_no_record_are_moved_with_the_rest(tmp_path):
    path = tmp_path / "turns.ndjson"
    path.write_bytes(b'{"id":1}\n{"id":2\0\0\0\0\n\0\0\0\n{"id"')

    assert repair_tail(path) == 21
    assert path.read_bytes() == b'{"id":1}\n'
    assert (tmp_path / "turns.ndjson.torn-1").read_bytes() == b'{"id":2\0\0\0\0\n\0\0\0\n{"id"'


def test_a_second_tear_gets_a_file_of_its_own(tmp_path):
    path = tmp_path / "turns.ndjson"
    for number in (1, 2):
        path.write_bytes(b'{"id":1}\n{' + b"x" * number)
        repair_tail(path)

    assert (tmp_path / "turns.ndjson.torn-1").read_bytes() == b"{x"
    assert (tmp_path / "turns.ndjson.torn-2").read_bytes() == b"{xx"


@pytest.mark.parametrize("content", [b"", b'{"id":1}\n', b'{"id":1}\n\n'])
def test_a_sound_file_is_not_touched(tmp_path, content):
    path = tmp_path / "turns.ndjson"
    path.write_bytes(content)

    assert repair_tail(path) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["turns.ndjson"]
    assert path.read_bytes() == content


def test_a_tear_on_the_day_before_the_newest_is_mended_too(root):
    for day, content in (("2026/11/21", b'{"id":1}\n{"i'), ("2026/11/22", b"")):
        path = root / "chat" / day / "turns.ndjson"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)

    GraphLog.open(root).close()

    assert (root / "chat/2026/11/21/turns.ndjson").read_bytes() == b'{"id":1}\n'
