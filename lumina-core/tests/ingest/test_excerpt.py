"""The real dump excerpt: counts, no debris, and facts that must be there."""

from __future__ import annotations

import re

import pytest

from lumina_core.documents import Article, Redirect
from lumina_core.ingest.mediawiki import MediaWikiDump
from lumina_core.text.chunking import MAX_CHARACTERS, chunk_article

pytestmark = pytest.mark.shared_data

DEBRIS = {
    "braces of templates": r"\{\{|\}\}",
    "brackets of links": r"\[\[|\]\]",
    "brackets of external links": r"\[https?:|\[\s*\]",
    "tables": r"\{\||\|\}|\|-|^\s*[|!]|\|\|",
    "references and tags": r"</?[a-zA-Z!][^<>\n]{0,80}>|<ref|</ref",
    "emphasis": r"''",
    "headings": r"==",
    "entities": r"&(?:[a-zA-Z]{2,8}|#\d+|#x[0-9a-f]+);",
    "attributes": r"\b(?:style|class|align|colspan|rowspan|bgcolor|width|valign)\s*=\s*[\"'\w]",
    "namespaces": r"\b(?:File|Image|Category|Template):\S",
    "image options": r"\bthumb\b\||\|\s*\d+px|\bupright=",
    "magic words": r"__[A-Z]+__",
    "empty parentheses": r"\(\s*[,;:]|\(\s*\)|[,;:]\s*\)|\(\s|\s\)",
    "double spaces": r"  |\t|\u00a0",
    "spaces before punctuation": r" [,;.](?:\s|$)",
    "list marks": r"^[*#:;]",
    "doubled punctuation": r"[,;]\s*[,;]",
    "private signs": r"[\ue000-\uf8ff\u200b-\u200f\u00ad\ufeff]",
    "blank lines": r"\n\n\n|^\s|\s$",
    "lines without words": r"^\W+$",
}


@pytest.fixture(scope="module")
def dump(excerpt):
    return MediaWikiDump(excerpt)


@pytest.fixture(scope="module")
def items(dump):
    return list(dump.items())


@pytest.fixture(scope="module")
def articles(items):
    return {item.title: item for item in items if isinstance(item, Article)}


def test_every_article_and_redirect_is_taken_and_the_other_namespace_is_not(dump, items, articles):
    assert len(articles) == 106
    assert sum(isinstance(item, Redirect) for item in items) == 99
    assert len(items) == 205
    assert dump.ignored == {4: 1}
    assert dump.name == "en.wikipedia.org"
    assert dump.position_bytes == dump.total_bytes


@pytest.mark.parametrize("kind", DEBRIS)
def test_no_markup_is_left_in_any_text(articles, kind):
    pattern = re.compile(DEBRIS[kind], re.MULTILINE if kind not in {"blank lines"} else 0)

    found = [
        (article.title, article.text[max(0, match.start() - 40) : match.end() + 40])
        for article in articles.values()
        for match in pattern.finditer(article.text)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("Alabama", "The capital of Alabama is Montgomery."),
        ("Alabama", "Capital: Montgomery."),
        ("Anarchism", "Anarchism is a political philosophy that advocates self-governed societies"),
        ("Ayn Rand", "two best-selling novels, The Fountainhead and Atlas Shrugged"),
        ("Ayn Rand", "March 6, 1982) was a Russian-born American novelist"),
        ("Animal Farm", "Author: George Orwell."),
        ("Actrius", "Director: Ventura Pons."),
        ("Albert Einstein", "Birth date: 14 March 1879."),
        ("Abraham Lincoln", "April 15, 1865 (aged 56)"),
        ("Afghanistan", "652,000 km² (252,000 sq mi)"),
        ("Apollo 11", "Commander: Neil A. Armstrong"),
        ("Aikido", "Aikido (合気道, Aikidō) is a modern Japanese martial art"),
        ("Andorra", "Largest city: Andorra la Vella."),
    ],
)
def test_what_people_ask_for_is_in_the_text(articles, title, sentence):
    assert sentence in articles[title].text


def test_sections_links_and_hints_come_through(articles):
    alabama = articles["Alabama"]
    headings = [section.heading for section in alabama.sections]

    assert headings[:4] == ["", "Infobox", "Etymology", "History"]
    assert not {"References", "External links", "See also", "Notes"} & set(headings)
    assert "Montgomery, Alabama" in alabama.links
    assert "Southern United States" in alabama.categories
    assert alabama.url == "https://en.wikipedia.org/wiki/Alabama"
    assert articles["Autism"].wikidata == "Q38404"
    assert len(alabama.summary) <= 402


def test_section_spans_hold_no_headings_and_chunks_stay_inside_them(articles):
    for article in articles.values():
        chunks = chunk_article(article)
        assert chunks
        assert all(len(chunk.text) <= MAX_CHARACTERS for chunk in chunks)
        for section in article.sections:
            assert article.text[section.start : section.end] == article.text[section.start : section.end].strip()
            if section.heading:
                assert article.text[: section.start].rstrip().endswith(section.heading)
