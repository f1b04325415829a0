from __future__ import annotations

import pytest

from lumina_core.documents import ArticleId
from lumina_core.graph.catalogue import Counts
from lumina_core.indexing.ranks import UNRANKED, RankBook, is_due

SEA, SKY = ArticleId("art_sea"), ArticleId("art_sky")


@pytest.fixture
def book(tmp_path):
    book = RankBook.open(tmp_path / "ranks.sqlite")
    yield book
    book.close()


def test_an_article_without_a_rank_counts_as_the_average_one(book):
    assert book.rank(SEA) == UNRANKED


def test_only_ranks_that_moved_by_more_than_a_factor_of_two_are_written(book):
    book.replace({SEA: 1.9, SKY: 2.1}, changes=2)

    assert book.pending(10) == [(SKY, 2.1)]


def test_what_was_written_is_pending_no_more_and_moves_from_there(book):
    book.replace({SEA: 4.0}, changes=1)
    book.mark_written(book.pending(10))
    book.replace({SEA: 6.0}, changes=2)
    settled = book.pending(10)
    book.replace({SEA: 9.0}, changes=3)

    assert settled == []
    assert book.pending(10) == [(SEA, 9.0)]


def test_a_rebuild_writes_every_rank_with_its_point(book):
    book.replace({SEA: 3.0}, changes=1)
    book.begin_rebuild()

    assert book.pending(10) == []
    assert book.rank(SEA) == 3.0


def test_a_book_that_is_none_is_begun_anew(tmp_path):
    path = tmp_path / "ranks.sqlite"
    path.write_bytes(b"not a database, and long enough for nobody to take it for an empty one" * 20)

    book = RankBook.open(path)

    assert book.ranked_changes is None
    book.close()


def test_ranks_are_read_by_others(book, tmp_path):
    book.replace({SEA: 3.0}, changes=1)

    assert RankBook.read(tmp_path / "ranks.sqlite") == {SEA: 3.0}
    assert RankBook.read(tmp_path / "none.sqlite") == {}


@pytest.mark.parametrize(
    ("links", "changes", "ranked", "due"),
    [(0, 9, None, False), (1, 9, None, True), (1, 9, 9, False), (1, 14, 9, False), (1, 15, 9, True)],
)
def test_ranks_are_due_once_a_twentieth_of_all_titles_changed(links, changes, ranked, due):
    counts = Counts(articles=60, redirects=40, links=links, revisions=60, changes=changes)

    assert is_due(counts, ranked_changes=ranked) is due
