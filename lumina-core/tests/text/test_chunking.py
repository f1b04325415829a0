from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.documents import Article, ArticleId
from lumina_core.ingest.blocks import Block, assemble
from lumina_core.text.chunking import MAX_CHARACTERS, TARGET_CHARACTERS, chunk_article

words = st.text(alphabet="abcdefg äöü漢字.?!,;'\u00a0", min_size=1, max_size=30)
paragraphs = st.one_of(
    st.lists(words, min_size=1, max_size=8).map(" ".join),
    st.integers(1, 400).map(lambda n: "A sentence of words. " * n),
    st.integers(1, 4000).map(lambda n: "x" * n),
    st.integers(1, 600).map(lambda n: "word " * n),
    st.lists(words, min_size=1, max_size=30).map("\n".join),
).filter(lambda paragraph: bool(paragraph.strip()))
blocks = st.lists(
    st.builds(
        Block, st.sampled_from(["", "History", "Early life"]), st.integers(1, 4), st.lists(paragraphs, max_size=5)
    ),
    min_size=1,
    max_size=5,
)


def article_of(parts: list[Block]) -> Article:
    text, sections = assemble(parts)
    return Article(
        ArticleId("art_0123456789ab"), "Title", "https://x.org/Title", "x.org", "1", 5.0, text, "", "", sections
    )


@given(blocks)
@settings(max_examples=200, deadline=None)
def test_chunks_cover_every_character_of_the_sections_once_and_in_order(parts):
    article = article_of(parts)

    chunks = chunk_article(article)

    covered = [place for chunk in chunks for place in range(chunk.start, chunk.end)]
    assert covered == sorted(set(covered))
    missing = set()
    for section in article.sections:
        missing |= set(range(section.start, section.end))
    missing -= set(covered)
    assert all(article.text[place].isspace() for place in missing)


@given(blocks)
@settings(max_examples=100, deadline=None)
def test_a_chunk_is_a_trimmed_span_of_one_section_within_the_maximum(parts):
    article = article_of(parts)

    for ordinal, chunk in enumerate(chunk_article(article)):
        assert chunk.id == f"art_0123456789ab#{ordinal}"
        assert chunk.ordinal == ordinal
        assert chunk.text == article.text[chunk.start : chunk.end] == chunk.text.strip() != ""
        assert len(chunk.text) <= MAX_CHARACTERS
        owners = [section for section in article.sections if section.start <= chunk.start and chunk.end <= section.end]
        assert owners
        assert chunk.section == " › ".join(owners[0].path)


@given(blocks)
@settings(max_examples=100, deadline=None)
def test_sentences_lie_within_their_chunk_and_cover_it(parts):
    for chunk in chunk_article(article_of(parts)):
        end = 0
        for start, stop in chunk.sentences:
            assert end <= start < stop <= len(chunk.text)
            assert not chunk.text[end:start].strip()
            end = stop
        assert not chunk.text[end:].strip()


@given(blocks)
@settings(max_examples=30, deadline=None)
def test_the_same_article_gives_the_same_chunks(parts):
    assert chunk_article(article_of(parts)) == chunk_article(article_of(parts))


def test_short_paragraphs_are_merged_up_to_the_target():
    article = article_of([Block("", 1, ["p" * 300] * 7)])

    assert [len(chunk.text) for chunk in chunk_article(article)] == [904, 904, 300]
    assert TARGET_CHARACTERS == 1000


def test_a_paragraph_under_the_maximum_is_never_cut():
    article = article_of([Block("", 1, ["word " * 279 + "last.", "short"])])

    assert [len(chunk.text) for chunk in chunk_article(article)] == [1400, 5]


def test_a_long_paragraph_is_cut_between_sentences():
    sentence = "This is one sentence of a paragraph that is far too long to be indexed as a whole."
    chunks = chunk_article(article_of([Block("", 1, [" ".join([sentence] * 36)])]))

    assert len(chunks) == 3
    assert all(chunk.text.startswith("This is") and chunk.text.endswith("whole.") for chunk in chunks)
    assert max(len(chunk.text) for chunk in chunks) - min(len(chunk.text) for chunk in chunks) < 2 * len(sentence)


def test_a_sentence_over_the_maximum_is_cut_at_a_space():
    chunks = chunk_article(article_of([Block("", 1, ["word " * 600])]))

    assert all(chunk.text.startswith("word") and chunk.text.endswith("word") for chunk in chunks)


def test_sections_are_never_merged_and_name_their_path():
    article = article_of([Block("", 1, ["lead"]), Block("History", 2, ["old"]), Block("Early", 3, ["older"])])

    assert [(chunk.section, chunk.text) for chunk in chunk_article(article)] == [
        ("", "lead"),
        ("History", "old"),
        ("History › Early", "older"),
    ]


@pytest.mark.parametrize("text", ["", " \n\n "])
def test_an_article_without_words_has_no_chunks(text):
    article = Article(ArticleId("art_0"), "T", "", "s", "1", 0.0, text, "", "")

    assert chunk_article(article) == ()


def test_an_article_without_sections_is_cut_all_the_same():
    article = Article(ArticleId("art_0"), "T", "", "s", "1", 0.0, "One.\n\nTwo.", "", "")

    assert [chunk.text for chunk in chunk_article(article)] == ["One.\n\nTwo."]
