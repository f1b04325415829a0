from __future__ import annotations

from lumina_core.drivers.vector_store import Filter, Match, Range
from lumina_hub.search.schemas import filter_in
from lumina_sdk.contract import SearchRequest


def test_a_search_for_anything_has_no_filter() -> None:
    assert filter_in(SearchRequest(query="a")) is None


def test_every_wish_becomes_a_condition() -> None:
    request = SearchRequest(query="a", source="wiki", article="art_1", since=1.0, until=2.0)

    assert filter_in(request) == Filter(
        must=(Match("source", ("wiki",)), Match("article", ("art_1",)), Range("ts", 1.0, 2.0))
    )


def test_a_time_may_have_one_end() -> None:
    assert filter_in(SearchRequest(query="a", since=1.0)) == Filter(must=(Range("ts", 1.0, None),))
