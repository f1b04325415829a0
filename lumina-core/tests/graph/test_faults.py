"""Real processes killed, real disks filled."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumina_core.documents import Article, article_id
from lumina_core.errors import StorageFull
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import ARTICLES, GraphLog, read_log

TURNS = "chat/turns"

WRITER = """
import os, sys, threading
from pathlib import Path
from lumina_core.documents import Article, article_id, fingerprint
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog

home, run = Path(sys.argv[1]), sys.argv[2]
log = GraphLog.open(home / "graphs")
graph = KnowledgeGraph(log, Catalogue.open(home / "catalogue.sqlite", log.root))

def acknowledge(kind, name):
    os.write(1, f"{kind} {name}\\n".encode())

def turns(thread):
    for number in range(100_000):
        name = f"{run}-{thread}-{number}"
        log.append("chat/turns", [{"id": name, "user": "x" * (number * 97 % 5000)}]).result()
        acknowledge("turn", name)

def articles():
    for number in range(100_000):
        title = f"T{run}-{number}"
        text = title * 50
        graph.add([Article(article_id("wiki", title), title, "", "wiki", "1", 1.0, text, title, fingerprint(text))])
        acknowledge("article", title)

workers = [threading.Thread(target=turns, args=(n,)) for n in range(4)] + [threading.Thread(target=articles)]
for worker in workers:
    worker.start()
"""


@pytest.mark.processes
def test_every_acknowledged_record_is_there_once_after_kill_nine(tmp_path):
    chance = random.Random(20261122)
    acknowledged: list[str] = []
    for run in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(run)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(20, 120)):
                acknowledged.append(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged += [line for line in writer.stdout if line.endswith("\n")]

    with GraphLog.open(tmp_path / "graphs") as log:
        catalogue = Catalogue.open(tmp_path / "catalogue.sqlite", log.root)
        turns = Counter(entry.record["id"] for entry in read_log(log.root, TURNS))
        articles = Counter(entry.record["title"] for entry in read_log(log.root, ARTICLES))
        for line in acknowledged:
            kind, name = line.split()
            assert (turns if kind == "turn" else articles)[name] == 1
            if kind == "article":
                assert catalogue.read_article(article_id("wiki", name)).title == name
        assert max(turns.values()) == max(articles.values()) == 1
        assert catalogue.counts().articles == len(articles)
        catalogue.close()
    assert len(acknowledged) > 200
    assert {line.split()[0] for line in acknowledged} == {"turn", "article"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    folder = tmp_path / "disk"
    folder.mkdir()
    if mount is None or umount is None:
        pytest.skip("FULL DISK NOT TESTED: there is no mount command here")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"FULL DISK NOT TESTED: mounting a small disk is not permitted here ({mounted.stderr.strip()})")
    yield folder
    subprocess.run([umount, "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def add_one_by_one(graph: KnowledgeGraph, articles: list[Article]) -> None:
    for article in articles:
        graph.add([article])


def test_a_full_disk_is_a_clear_error_keeps_what_was_acknowledged_and_passes(small_disk):
    root = small_disk / "graphs"
    with GraphLog.open(root) as log:
        kept = [0]
        log.append(TURNS, [{"id": 0}]).result()
        ballast = fill(small_disk)
        refusals: list[StorageFull] = []
        for number in range(1, 40):
            try:
                log.append(TURNS, [{"id": number, "text": "x" * 1000}]).result()
                kept.append(number)
            except StorageFull as error:
                refusals.append(error)
        assert len(refusals) > 30
        assert all("space" in str(error.hint) and str(root) in error.message for error in refusals)
        assert [entry.record["id"] for entry in read_log(root, TURNS)] == kept
        (file,) = root.glob("chat/*/*/*/turns.ndjson")
        assert file.read_bytes().endswith(b"\n")

        ballast.unlink()
        log.append(TURNS, [{"id": "after"}]).result()
        log.append("gaps/gaps", [{"id": "a new stream"}]).result()

    with GraphLog.open(root):
        assert [entry.record["id"] for entry in read_log(root, TURNS)] == [*kept, "after"]
    assert [path.name for path in root.rglob("*.torn-*")] == []


def test_an_append_too_large_for_the_disk_does_not_fail_those_beside_it(small_disk):
    root = small_disk / "graphs"
    with GraphLog.open(root) as log:
        futures = [
            log.append(TURNS, [{"id": "one"}]),
            log.append(TURNS, [{"id": "large", "text": "x" * 4_000_000}]),
            log.append(TURNS, [{"id": "two"}]),
        ]
        assert [type(future.exception()) for future in futures] == [type(None), StorageFull, type(None)]

    assert [entry.record["id"] for entry in read_log(root, TURNS)] == ["one", "two"]


def test_a_new_day_on_a_full_disk_is_refused_and_begins_when_there_is_room(small_disk):
    days = iter(["2026/11/21", "2026/11/22", "2026/11/22"])
    root = small_disk / "graphs"
    with GraphLog.open(root, today=lambda: next(days)) as log:
        log.append(TURNS, [{"id": 1}]).result()
        ballast = fill(small_disk)
        with pytest.raises(StorageFull):
            log.append(TURNS, [{"id": 2, "text": "x" * 10_000}]).result()
        ballast.unlink()
        log.append(TURNS, [{"id": 3}]).result()

    assert [(entry.day, entry.record["id"]) for entry in read_log(root, TURNS)] == [
        ("2026/11/21", 1),
        ("2026/11/22", 3),
    ]


def test_a_graph_on_a_full_disk_says_so_and_goes_on_when_there_is_room(small_disk, make_article):
    with GraphLog.open(small_disk / "graphs") as log:
        catalogue = Catalogue.open(small_disk / "catalogue.sqlite", log.root)
        graph = KnowledgeGraph(log, catalogue)
        graph.add([make_article("Before")])
        ballast = fill(small_disk)
        batch = [make_article(f"T{n}", links=tuple(f"L{n}-{m}" for m in range(40))) for n in range(40)]
        with pytest.raises(StorageFull) as caught:
            add_one_by_one(graph, batch)
        assert caught.value.hint
        assert catalogue.find_title("Before") is not None

        ballast.unlink()
        graph.add(batch)
        assert catalogue.counts().articles == 41
        assert Counter(entry.record["title"] for entry in read_log(log.root, ARTICLES)).most_common(1)[0][1] == 1
        catalogue.close()


def test_a_log_with_a_torn_tail_on_a_full_disk_loses_nothing(small_disk):
    root = small_disk / "graphs"
    with GraphLog.open(root, today=lambda: "2026/11/22") as log:
        log.append(TURNS, [{"id": 1}]).result()
    file = root / "chat/2026/11/22/turns.ndjson"
    with file.open("ab") as raw:
        raw.write(b'{"id":2,' + b"x" * 20_000)
    ballast = fill(small_disk)
    with pytest.raises(StorageFull):
        GraphLog.open(root)
    ballast.unlink()

    GraphLog.open(root).close()
    assert [entry.record["id"] for entry in read_log(root, TURNS)] == [1]
    assert file.with_name("turns.ndjson.torn-1").stat().st_size == 20_008


def test_a_limit_on_file_sizes_is_a_full_disk_too(root):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with GraphLog.open(root) as log:
        log.append(TURNS, [{"id": 1}]).result()
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
            with pytest.raises(StorageFull):
                log.append(TURNS, [{"id": 2, "text": "x" * 20_000}]).result()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        log.append(TURNS, [{"id": 3, "text": "x" * 20_000}]).result()

    assert [entry.record["id"] for entry in read_log(root, TURNS)] == [1, 3]
