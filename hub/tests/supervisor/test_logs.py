from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lumina_hub.supervisor.logs import ModuleLog, read_log
from lumina_sdk.contract.module import LogLevel

MIB = 1024 * 1024


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[ModuleLog]:
    made = ModuleLog(tmp_path, "almanac", now=lambda: 1000.0)
    yield made
    made.close()


async def take(log: ModuleLog, output: bytes) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(output)
    reader.feed_eof()
    await log.follow(reader)


async def test_a_line_of_text_becomes_an_event(log: ModuleLog, tmp_path: Path) -> None:
    await take(log, b"first\n\nsecond without an end")

    lines = read_log(tmp_path, "almanac", limit=10)

    assert [line.event for line in lines] == ["first", "second without an end"]
    assert {line.level for line in lines} == {LogLevel.INFO}
    assert {line.ts for line in lines} == {1000.0}


async def test_a_structured_line_keeps_its_fields(log: ModuleLog, tmp_path: Path) -> None:
    await take(log, json.dumps({"event": "took", "level": "ERROR", "ms": 3, "fields": {"day": "monday"}}).encode())

    [line] = read_log(tmp_path, "almanac", limit=10)

    assert (line.event, line.level, line.fields) == ("took", LogLevel.ERROR, {"ms": 3, "day": "monday"})


@pytest.mark.parametrize("line", [b"{", b'{"level": "info"}', b"[1]", b"\xff\xfe", b'{"event": ' + b"[" * 4000])
async def test_a_line_that_only_looks_structured_is_text(log: ModuleLog, tmp_path: Path, line: bytes) -> None:
    await take(log, line)

    [found] = read_log(tmp_path, "almanac", limit=10)

    assert found.event == line.decode(errors="replace")


async def test_a_line_without_end_is_cut(log: ModuleLog, tmp_path: Path) -> None:
    await take(log, b"x" * 100_000)

    assert all(len(line.event) <= 8192 for line in read_log(tmp_path, "almanac", limit=100))


def test_the_file_never_grows_beyond_bounds(log: ModuleLog, tmp_path: Path) -> None:
    for number in range(2500):
        log.note(LogLevel.INFO, "x" * 8000, number=number)

    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 3
    assert max(sizes) <= 4 * MIB
    lines = read_log(tmp_path, "almanac", limit=700)
    assert [line.fields["number"] for line in lines] == list(range(1800, 2500))


def test_a_module_that_never_ran_has_no_lines(tmp_path: Path) -> None:
    assert read_log(tmp_path, "almanac", limit=10) == ()


async def test_a_line_cut_off_by_a_crash_is_passed_over(log: ModuleLog, tmp_path: Path) -> None:
    log.note(LogLevel.INFO, "whole")
    with log.path.open("ab") as file:
        file.write(b'{"ts": 1, "eve')

    assert [line.event for line in read_log(tmp_path, "almanac", limit=10)] == ["whole"]
