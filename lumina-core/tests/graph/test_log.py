from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import wait
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lumina_core.errors import Conflict, HomeLocked, InvalidInput, StorageFull
from lumina_core.graph.log import GraphLog, LogPosition, log_end, read_log

TURNS = "chat/turns"


def ids(root: Path, stream: str = TURNS) -> list[object]:
    return [entry.record["id"] for entry in read_log(root, stream)]


def test_a_record_is_one_readable_line_in_the_folder_of_its_day(root):
    with GraphLog.open(root, today=lambda: "2026/11/22") as log:
        (written,) = log.append(TURNS, [{"id": "t1", "user": "Où est\nla gare?"}]).result()

    line = (root / "chat/2026/11/22/turns.ndjson").read_bytes()
    assert line == '{"id":"t1","user":"Où est\\nla gare?"}\n'.encode()
    assert (written.day, written.start, written.end) == ("2026/11/22", 0, len(line))


def test_the_day_is_the_present_one_in_utc(root):
    before = datetime.now(UTC).strftime("%Y/%m/%d")
    with GraphLog.open(root) as log:
        (written,) = log.append(TURNS, [{"id": 1}]).result()

    assert before <= written.day <= datetime.now(UTC).strftime("%Y/%m/%d")


def test_a_clock_set_back_does_not_break_the_order(root):
    days = iter(["2026/11/22", "2026/11/21", "2026/11/23"])
    with GraphLog.open(root, today=lambda: next(days)) as log:
        places = [log.append(TURNS, [{"id": n}]).result()[0].position for n in range(3)]

    assert [place.day for place in places] == ["2026/11/22", "2026/11/22", "2026/11/23"]
    assert places == sorted(places)
    assert ids(root) == [0, 1, 2]


def test_a_log_opened_on_an_earlier_day_appends_to_the_last_one(root):
    with GraphLog.open(root, today=lambda: "2026/11/22") as log:
        log.append(TURNS, [{"id": 0}]).result()
    with GraphLog.open(root, today=lambda: "2026/11/20") as log:
        log.append(TURNS, [{"id": 1}]).result()

    assert ids(root) == [0, 1]


def test_appends_from_many_threads_are_all_there_once_and_in_each_threads_order(root):
    def append_all(thread: int) -> None:
        for number in range(50):
            log.append(TURNS, [{"id": f"{thread}-{number}"}]).result()

    with GraphLog.open(root) as log:
        threads = [threading.Thread(target=append_all, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = ids(root)
    assert sorted(found) == sorted(f"{thread}-{number}" for thread in range(8) for number in range(50))
    for thread in range(8):
        own = [int(str(name).split("-")[1]) for name in found if str(name).startswith(f"{thread}-")]
        assert own == list(range(50))


def test_what_waits_is_written_with_one_fsync(root, monkeypatch):
    calls: list[int] = []
    entered, release = threading.Event(), threading.Event()
    real = os.fsync

    def fsync(fd: int) -> None:
        calls.append(fd)
        if not release.is_set():
            entered.set()
            assert release.wait(30)
        real(fd)

    with GraphLog.open(root) as log:
        log.append(TURNS, [{"id": "makes the folders"}]).result()
        monkeypatch.setattr(os, "fsync", fsync)
        first = log.append(TURNS, [{"id": "first"}])
        assert entered.wait(30)
        waiting = [log.append(TURNS, [{"id": n}]) for n in range(64)]
        assert not first.done()
        release.set()
        wait([first, *waiting], timeout=30)
        monkeypatch.undo()

    assert len(calls) == 2
    assert ids(root)[2:] == list(range(64))


def test_several_streams_are_written_in_the_order_given(root):
    with GraphLog.open(root) as log:
        written = log.append_many([(TURNS, [{"id": 1}, {"id": 2}]), ("chat/answers", [{"turn": 1}]), (TURNS, [])])

        assert [len(places) for places in written.result()] == [2, 1, 0]
    assert ids(root) == [1, 2]
    assert [entry.record for entry in read_log(root, "chat/answers")] == [{"turn": 1}]


def test_an_append_of_nothing_makes_no_file(root):
    with GraphLog.open(root) as log:
        assert log.append(TURNS, []).result() == []

    assert log_end(root, TURNS) is None


def test_a_cancelled_append_that_has_not_begun_is_not_written(root, monkeypatch):
    entered, release = threading.Event(), threading.Event()
    real = os.fsync

    def fsync(fd: int) -> None:
        entered.set()
        assert release.wait(30)
        real(fd)

    with GraphLog.open(root) as log:
        monkeypatch.setattr(os, "fsync", fsync)
        first = log.append(TURNS, [{"id": 1}])
        assert entered.wait(30)
        second = log.append(TURNS, [{"id": 2}])
        assert second.cancel()
        release.set()
        first.result(30)

    assert ids(root) == [1]


@pytest.mark.parametrize(
    "record", [{"x": object()}, {"x": "\ud800"}, {("a",): 1}], ids=["object", "surrogate", "tuple"]
)
def test_what_is_not_json_is_refused_and_nothing_of_its_batch_is_written(root, record):
    with GraphLog.open(root) as log:
        with pytest.raises(InvalidInput):
            log.append(TURNS, [{"id": 1}, record])
        log.append(TURNS, [{"id": 2}]).result()

    assert ids(root) == [2]


@pytest.mark.parametrize("stream", ["turns", "chat/../turns", "/chat/turns", "Chat/turns", "chat/turns/", ""])
def test_a_stream_that_would_leave_its_folder_is_refused(log, stream):
    with pytest.raises(InvalidInput):
        log.append(stream, [{"id": 1}])


def test_a_line_of_fifty_megabytes_is_a_line_like_any_other(root):
    text = "é" * (27 * 1024 * 1024)
    with GraphLog.open(root) as log:
        log.append(TURNS, [{"id": "before"}, {"id": "big", "text": text}, {"id": "after"}]).result()

    entries = {entry.record["id"]: entry for entry in read_log(root, TURNS)}
    assert list(entries) == ["before", "big", "after"]
    assert entries["big"].record["text"] == text
    assert entries["big"].end - entries["big"].start > 50 * 1024 * 1024


def test_closing_finishes_what_waits_and_refuses_what_comes_after(root):
    log = GraphLog.open(root)
    futures = [log.append(TURNS, [{"id": n}]) for n in range(100)]
    log.close()
    log.close()

    assert all(future.done() and not future.exception() for future in futures)
    assert ids(root) == list(range(100))
    with pytest.raises(Conflict, match="closed"):
        log.append(TURNS, [{"id": 100}])


@pytest.mark.processes
def test_a_second_process_is_refused_with_the_number_of_the_first(root):
    script = "import sys; from pathlib import Path; from lumina_core.graph.log import GraphLog\n"
    script += "log = GraphLog.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    first = subprocess.Popen(
        [sys.executable, "-c", script, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline() == "open\n"
        with pytest.raises(HomeLocked, match=re.escape(f"by process {first.pid}")):
            GraphLog.open(root)
        first.stdin.close()
        assert first.wait(30) == 0

    GraphLog.open(root).close()


@pytest.mark.parametrize("code", [errno.EIO, errno.EDQUOT])
def test_a_disk_that_fails_to_sync_keeps_nothing_of_the_append_and_may_recover(root, monkeypatch, code):
    with GraphLog.open(root) as log:
        log.append(TURNS, [{"id": "kept"}]).result()
        real = os.fsync
        failures = iter([True])

        def fsync(fd: int) -> None:
            if next(failures, False):
                raise OSError(code, os.strerror(code))
            real(fd)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(StorageFull) as caught:
            log.append(TURNS, [{"id": "lost"}]).result()
        assert caught.value.hint
        assert ids(root) == ["kept"]
        log.append(TURNS, [{"id": "after"}]).result()

    assert ids(root) == ["kept", "after"]


def test_a_failure_in_the_second_stream_takes_the_first_back_too(root, monkeypatch):
    with GraphLog.open(root) as log:
        log.append_many([(TURNS, [{"id": 0}]), ("chat/answers", [{"id": 0}])]).result()
        real = os.write
        counted = iter(range(100))

        def write(fd: int, data: bytes) -> int:
            if next(counted) == 1:
                raise OSError(errno.ENOSPC, "full")
            return real(fd, data)

        monkeypatch.setattr(os, "write", write)
        with pytest.raises(StorageFull):
            log.append_many([(TURNS, [{"id": 1}]), ("chat/answers", [{"id": 1}])]).result()
        monkeypatch.undo()

        assert ids(root) == [0]
        assert ids(root, "chat/answers") == [0]
        log.append_many([(TURNS, [{"id": 2}]), ("chat/answers", [{"id": 2}])]).result()
    assert ids(root) == [0, 2]


def test_a_failed_truncation_is_made_up_for_before_the_next_append(root, monkeypatch):
    with GraphLog.open(root) as log:
        log.append(TURNS, [{"id": 0}]).result()
        real = os.write

        def write(fd: int, data: bytes) -> int:
            if len(data) > 3:
                return real(fd, data[:3])
            raise OSError(errno.EIO, "broken")

        def ftruncate(fd: int, size: int) -> None:
            raise OSError(errno.EIO, "broken")

        monkeypatch.setattr(os, "write", write)
        monkeypatch.setattr(os, "ftruncate", ftruncate)
        with pytest.raises(StorageFull):
            log.append(TURNS, [{"id": 1}]).result()
        monkeypatch.undo()
        log.append(TURNS, [{"id": 2}]).result()

    assert ids(root) == [0, 2]


def test_a_file_removed_under_the_writer_is_begun_anew(root):
    with GraphLog.open(root) as log:
        (written,) = log.append(TURNS, [{"id": 0}]).result()
        (root / "chat" / written.day / "turns.ndjson").unlink()
        log.append(TURNS, [{"id": 1}]).result()

    assert ids(root) == [1]


def test_a_line_added_by_hand_is_kept(root):
    with GraphLog.open(root) as log:
        (written,) = log.append(TURNS, [{"id": 0}]).result()
        with (root / "chat" / written.day / "turns.ndjson").open("a") as file:
            file.write('{"id": "by hand"}\n')
        log.append(TURNS, [{"id": 1}]).result()

    assert ids(root) == [0, "by hand", 1]


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "graphs").write_text("a file")

    with pytest.raises(StorageFull, match="graphs"):
        GraphLog.open(tmp_path / "graphs")


@pytest.mark.parametrize(("day", "offset"), [("2026-11-22", 0), ("2026/11/22", -1), ("", 0)])
def test_a_position_that_is_none_is_refused(day, offset):
    with pytest.raises(InvalidInput):
        LogPosition(day, offset)
