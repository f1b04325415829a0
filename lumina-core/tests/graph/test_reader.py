from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.errors import CorruptLog, NotFound
from lumina_core.graph.log import (
    CorruptLine,
    GraphLog,
    LogPosition,
    bytes_after,
    log_end,
    read_entry,
    read_log,
    read_log_backwards,
)

TURNS = "chat/turns"

text = st.text(st.characters(exclude_categories=("Cs",)))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
records = st.dictionaries(text, json_values, max_size=4)


def file_of(root: Path, day: str = "2026/11/22") -> Path:
    path = root / "chat" / day / "turns.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(records, max_size=4), max_size=4))
def test_reading_undoes_appending(scratch, batches):
    days = iter(f"2026/11/{day:02}" for day in range(1, 30))
    with scratch() as folder:
        root = folder
        with GraphLog.open(root, today=lambda: next(days)) as log:
            places = [place for batch in batches for place in log.append(TURNS, batch).result()]
        entries = list(read_log(root, TURNS))

        expected = [record for batch in batches for record in batch]
        assert [entry.record for entry in entries] == expected
        assert [(entry.day, entry.start, entry.end) for entry in entries] == [
            (place.day, place.start, place.end) for place in places
        ]
        assert list(read_log_backwards(root, TURNS)) == entries[::-1]
        for number, entry in enumerate(entries):
            assert list(read_log(root, TURNS, entry.position)) == entries[number + 1 :]
            assert list(read_log_backwards(root, TURNS, entry.position)) == entries[number::-1]
            assert read_entry(root, TURNS, entry.day, entry.start, entry.end) == entry
            assert bytes_after(root, TURNS, entry.position) == sum(e.end - e.start for e in entries[number + 1 :])
        assert log_end(root, TURNS) == (entries[-1].position if entries else None)


def test_an_unknown_stream_is_empty(root):
    assert list(read_log(root, TURNS)) == []
    assert list(read_log_backwards(root, TURNS)) == []
    assert log_end(root, TURNS) is None
    assert bytes_after(root, TURNS) == 0


def test_only_complete_lines_are_read_and_the_rest_when_it_is_there(root):
    path = file_of(root)
    path.write_bytes(b'{"id":1}\n{"id":')
    first = list(read_log(root, TURNS))
    with path.open("ab") as file:
        file.write(b'2}\n{"id":3}\n')
    rest = list(read_log(root, TURNS, first[-1].position))

    assert [entry.record["id"] for entry in first] == [1]
    assert [entry.record["id"] for entry in rest] == [2, 3]


def test_an_unfinished_line_of_a_past_day_does_not_hide_the_days_after_it(root):
    file_of(root, "2026/11/21").write_bytes(b'{"id":1}\n{"id":')
    file_of(root, "2026/11/22").write_bytes(b'{"id":2}\n')

    assert [entry.record["id"] for entry in read_log(root, TURNS)] == [1, 2]


@pytest.mark.parametrize("line", [b"not json", b"[1]", b'"x"', b'{"a":1', b'{"a":"\xff"}', b"\0\0\0", b"{" * 100_000])
def test_damage_in_the_middle_names_the_file_and_the_byte(root, line):
    path = file_of(root)
    path.write_bytes(b'{"id":1}\n' + line + b'\n{"id":2}\n')

    with pytest.raises(CorruptLog) as caught:
        list(read_log(root, TURNS))

    assert isinstance(caught.value, CorruptLine)
    assert (caught.value.path, caught.value.offset) == (path, 9)
    assert str(path) in caught.value.message
    assert "byte 9" in caught.value.message


def test_damage_in_the_middle_can_be_passed_over_and_reported(root):
    file_of(root).write_bytes(b'{"id":1}\nnot json\n{"id":2}\n[]\n\n{"id":3}\n')
    problems: list[CorruptLine] = []

    entries = list(read_log(root, TURNS, on_corrupt=problems.append))

    assert [entry.record["id"] for entry in entries] == [1, 2, 3]
    assert [problem.offset for problem in problems] == [9, 27]
    problems.clear()
    assert list(read_log_backwards(root, TURNS, on_corrupt=problems.append)) == entries[::-1]
    assert [problem.offset for problem in problems] == [27, 9]


def test_a_position_behind_a_log_that_was_cut_back_goes_on_at_the_line_around_it(root):
    path = file_of(root)
    path.write_bytes(b'{"id":1}\n{"id":2}\n')
    after = LogPosition("2026/11/22", 18)
    path.write_bytes(b'{"id":1}\n{"id":"longer"}\n{"id":3}\n')
    assert [entry.record["id"] for entry in read_log(root, TURNS, after)] == ["longer", 3]

    path.write_bytes(b'{"id":1}\n')
    assert list(read_log(root, TURNS, after)) == []


def test_files_that_are_not_of_the_log_are_left_alone(root):
    path = file_of(root)
    path.write_text(json.dumps({"id": 1}) + "\n")
    (path.parent / "turns.ndjson.torn-1").write_text("torn")
    (root / "chat" / "README.md").write_text("about")
    (root / "chat" / "2026" / "notes").mkdir()

    assert [entry.record for entry in read_log(root, TURNS)] == [{"id": 1}]


def test_an_entry_whose_file_is_gone_or_cut_is_a_clear_error(root):
    path = file_of(root)
    with pytest.raises(NotFound):
        read_entry(root, TURNS, "2026/11/22", 0, 9)

    path.write_bytes(b'{"id":1}\n{"id')
    with pytest.raises(CorruptLine):
        read_entry(root, TURNS, "2026/11/22", 9, 20)
