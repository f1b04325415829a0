from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.documents import Article, ArticleId, Redirect, Section
from lumina_core.errors import InvalidInput
from lumina_core.graph.log import LogPosition
from lumina_core.graph.records import (
    Deletion,
    LinkSet,
    RecoveryPoint,
    decode_article,
    decode_event,
    encode_article,
    encode_event,
)

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
titles = st.lists(words, max_size=3).map(tuple)
ids = words.map(ArticleId)
sections = st.builds(
    Section, heading=words, level=st.integers(0, 6), path=titles, start=st.integers(0, 99), end=st.integers(0, 99)
)
articles = st.builds(
    Article,
    id=ids, title=words, url=words, source=words, revision=words, ts=numbers, text=words, summary=words,
    fingerprint=words, sections=st.lists(sections, max_size=3).map(tuple), links=titles, categories=titles,
    wikidata=st.none() | words,
)  # fmt: skip
events = (
    articles
    | st.builds(Redirect, title=words, target=words, source=words, revision=words, ts=numbers)
    | st.builds(Deletion, title=words, source=words, id=st.none() | ids)
    | st.builds(LinkSet, article=ids, relation=words, target_source=words, targets=titles)
    | st.builds(
        RecoveryPoint,
        name=words, at=numbers, automatic=st.booleans(),
        positions=st.dictionaries(words, st.builds(LogPosition, st.just("2026/11/22"), st.integers(0, 99)), max_size=2),
    )
)  # fmt: skip


@given(events)
def test_decoding_undoes_encoding(event):
    line = json.dumps(encode_event(event, at=12.5))

    assert decode_event(json.loads(line)) == event


def test_the_fields_of_an_article_can_be_read_in_its_line(make_article):
    record = json.loads(
        json.dumps(encode_article(make_article("Paris", "7", links=("France",), wikidata="Q90"), at=3.0))
    )

    assert record["event"] == "article"
    assert record["at"] == 3.0
    assert {key: record[key] for key in ("title", "revision", "links", "wikidata")} == {
        "title": "Paris",
        "revision": "7",
        "links": ["France"],
        "wikidata": "Q90",
    }
    assert record["sections"] == [{"heading": "", "level": 0, "path": [], "start": 0, "end": len(record["text"])}]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event": "unheard of"},
        {"event": ["article"]},
        {"event": "article"},
        {"event": "redirect", "title": 1},
        {"event": "recovery_point", "name": "x", "at": 1, "positions": {"a/b": {"day": "yesterday", "offset": 0}}},
    ],
)
def test_a_line_that_is_no_event_is_refused(record):
    with pytest.raises(InvalidInput):
        decode_event(record)


def test_an_event_is_not_taken_for_another(make_article):
    record = encode_event(Redirect("A", "B", "wiki", "1", 1.0))

    with pytest.raises(InvalidInput, match="expected an event 'article'"):
        decode_article(record)
