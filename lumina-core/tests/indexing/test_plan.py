from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.documents import Article, ArticleId, Chunk, ChunkId, article_id, fingerprint
from lumina_core.graph.log import Entry, LogPosition
from lumina_core.graph.records import Deletion, encode_article, encode_deletion
from lumina_core.indexing.plan import Batch, Piece, Place, Removal, plan


def make_article(name: str, chunks: int = 1, revision: str = "1") -> Article:
    text = "x" * chunks
    return Article(article_id("test", name), name, "", "test", revision, 0.0, text, "", fingerprint(text))


def chunk(article: Article) -> Sequence[Chunk]:
    """One chunk for each character."""
    if article.title == "Poison":
        raise ValueError("it cannot be cut")
    return [
        Chunk(ChunkId(f"{article.id}#{n}"), article.id, n, article.title, "", "", n, n + 1, "x", ((0, 1),), 0.0)
        for n in range(len(article.text))
    ]


class Lines:
    """A log of some events, which is its own catalogue."""

    def __init__(self, events: Sequence[Article | Deletion]) -> None:
        self.ends: dict[ArticleId | None, list[LogPosition]] = {}
        self.entries = []
        for number, event in enumerate(events):
            record = encode_article(event) if isinstance(event, Article) else encode_deletion(event)
            self.entries.append(Entry("2026/11/22", number, number + 1, record))
            self.ends.setdefault(event.id, []).append(self.entries[-1].position)

    def place(self, article_id: ArticleId, line_end: LogPosition) -> Place:
        ends = self.ends[article_id]
        return Place(is_first=line_end == ends[0], is_last=line_end == ends[-1])

    def batches(self, batch_chunks: int = 4) -> list[Batch]:
        return list(plan(iter(self.entries), history=self, chunk=chunk, batch_chunks=batch_chunks))


def pieces(batches: Sequence[Batch]) -> Iterator[Piece]:
    return (item for batch in batches for item in batch.work if isinstance(item, Piece))


def test_only_the_last_line_of_an_article_is_worked_on():
    batches = Lines([make_article("Sea", 3), make_article("Sky"), make_article("Sea", 2, revision="2")]).batches()

    assert [(piece.article.title, piece.article.revision) for piece in pieces(batches)] == [("Sky", "1"), ("Sea", "2")]


def test_a_deleted_article_is_removed_and_never_cut():
    sea = make_article("Sea")

    (batch,) = Lines([sea, Deletion("Sea", "test", sea.id)]).batches()

    assert batch.work == (Removal(sea.id),)


def test_an_article_told_anew_may_leave_old_chunks_behind():
    (batch,) = Lines([make_article("Sea"), make_article("Sky"), make_article("Sea", revision="2")]).batches()

    assert {piece.article.title: piece.is_first_revision for piece in pieces([batch])} == {"Sky": True, "Sea": False}


def test_an_article_that_cannot_be_cut_is_reported_and_the_next_goes_in():
    (batch,) = Lines([make_article("Poison"), make_article("Sea")]).batches()

    assert [piece.article.title for piece in pieces([batch])] == ["Sea"]
    assert [(problem.title, problem.reason) for problem in batch.problems] == [
        ("Poison", "ValueError: it cannot be cut")
    ]


def test_a_batch_that_ends_inside_an_article_does_not_claim_its_line():
    batches = Lines([make_article("Sea", 2), make_article("Ocean", 9)]).batches(batch_chunks=4)

    assert [batch.position and batch.position.offset for batch in batches] == [1, 1, 2]


@pytest.mark.parametrize("chunks", [0, 4, 8])
def test_every_article_has_one_last_piece_however_it_is_cut(chunks):
    batches = Lines([make_article("Sea", chunks)]).batches(batch_chunks=4)

    assert [piece.is_last for piece in pieces(batches)].count(True) == 1
    assert batches[-1].position == LogPosition("2026/11/22", 1)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=80),
    st.integers(1, 7),
    st.randoms(use_true_random=False),
)
def test_stopping_after_any_batch_and_going_on_from_its_position_leaves_nothing_out(told, batch_chunks, random):
    lines = Lines([make_article(f"A{name}", chunks, str(number)) for number, (name, chunks) in enumerate(told)])
    batches = lines.batches(batch_chunks)
    kept = batches[: random.randint(0, len(batches))]
    position = kept[-1].position if kept else None
    rest = [entry for entry in lines.entries if position is None or entry.position > position]
    again = list(plan(iter(rest), history=lines, chunk=chunk, batch_chunks=batch_chunks))

    written = {str(each.id) for piece in pieces([*kept, *again]) for each in piece.chunks}
    latest = {f"A{name}": chunks for name, chunks in told}
    assert written == {f"{article_id('test', name)}#{n}" for name, chunks in latest.items() for n in range(chunks)}
    assert all(batch.chunks <= batch_chunks for batch in batches)
