"""Searches and hits, between the wire and the core."""

from __future__ import annotations

from lumina_core.drivers.vector_store import Filter, Match, Range
from lumina_core.retrieval.hits import Hit as CoreHit
from lumina_sdk.contract import Hit, SearchRequest

__all__ = ["filter_in", "hit_out"]


def filter_in(request: SearchRequest) -> Filter | None:
    """What a hit must fulfil; None where anything will do."""
    must: list[Match | Range] = []
    if request.source is not None:
        must.append(Match("source", (request.source,)))
    if request.article is not None:
        must.append(Match("article", (request.article,)))
    if request.since is not None or request.until is not None:
        must.append(Range("ts", gte=request.since, lte=request.until))
    return Filter(must=tuple(must)) if must else None


def hit_out(hit: CoreHit, *, explain: bool) -> Hit:
    return Hit(
        chunk_id=hit.chunk_id,
        article_id=hit.article_id,
        title=hit.title,
        section=hit.section,
        url=hit.url,
        start=hit.start,
        end=hit.end,
        text=hit.text,
        score=round(hit.score, 6),
        contributions={name: round(value, 6) for name, value in hit.contributions.items()} if explain else None,
    )
