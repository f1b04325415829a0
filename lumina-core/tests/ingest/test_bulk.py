from __future__ import annotations

import os
import signal

import pytest

from lumina_core.documents import Article
from lumina_core.errors import InvalidInput, UnreadableSource
from lumina_core.ingest.bulk import parse_in_process
from lumina_core.ingest.mediawiki import MediaWikiDump
from lumina_core.ingest.source import Unchanged

pytestmark = pytest.mark.processes


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def long_dump(make_dump, make_page):
    return make_dump([make_page(f"Page {n}", f"Words of page {n}. " * 200) for n in range(2000)])


def test_items_arrive_as_they_would_in_process_with_the_progress(make_dump, make_page):
    path = make_dump(
        [make_page("A", "Text [[B]].\n== S ==\nMore."), make_page("C", "#REDIRECT [[A]]"), make_page("D", "")]
    )

    with parse_in_process(str(path)) as run:
        items = list(run)

    assert items == list(MediaWikiDump(path).items())
    assert run.name == "wiki.example.org"
    assert run.position_bytes == run.total_bytes == path.stat().st_size
    assert gone(run.pid)


def test_what_comes_before_damage_arrives_before_the_error(make_dump, make_page):
    path = make_dump([make_page("A", "Text."), "<page></wrong>"])

    with parse_in_process(str(path)) as run:
        items = iter(run)
        assert next(items).title == "A"
        with pytest.raises(UnreadableSource, match="not well-formed") as caught:
            next(items)

    assert caught.value.hint


def test_an_error_at_opening_keeps_its_class(tmp_path):
    with parse_in_process(str(tmp_path / "nowhere")) as run, pytest.raises(InvalidInput, match="no file or folder"):
        list(run)


def test_cancelling_ends_the_iteration_and_the_child(long_dump):
    with parse_in_process(str(long_dump)) as run:
        seen = 0
        for _ in run:
            seen += 1
            run.cancel()

    assert seen == 1
    assert gone(run.pid)


def test_a_child_that_is_killed_is_an_error_that_says_so(long_dump):
    with parse_in_process(str(long_dump)) as run:
        items = iter(run)
        assert isinstance(next(items), Article)
        os.kill(run.pid, signal.SIGKILL)
        with pytest.raises(UnreadableSource, match="killed by signal 9"):
            list(items)


def test_leaving_early_ends_the_child(long_dump):
    with parse_in_process(str(long_dump)) as run:
        next(iter(run))

    assert gone(run.pid)


def test_the_known_callback_is_made_in_the_child(make_dump, make_page, tmp_path, monkeypatch):
    (tmp_path / "known_by_file.py").write_text(
        "from pathlib import Path\n"
        "def make(path):\n"
        "    lines = set(Path(path).read_text().splitlines())\n"
        "    return lambda source, title, revision: f'{source} {title} {revision}' in lines\n"
    )
    (tmp_path / "known.txt").write_text("wiki.example.org B 7\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    import known_by_file

    path = make_dump([make_page("A", "Text.", revision=7), make_page("B", "Text.", revision=7)])

    with parse_in_process(str(path), known=known_by_file.make, known_arguments=[str(tmp_path / "known.txt")]) as run:
        first, second = run

    assert first.title == "A"
    assert second == Unchanged("B")


def test_a_callback_that_no_other_process_could_find_is_refused(tmp_path):
    with pytest.raises(ValueError, match="top level"):
        parse_in_process(str(tmp_path), known=lambda: lambda source, title, revision: True)
