"""Putting encoded batches into the collections, so that doing it twice is the same as doing it once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lumina_core.documents import ArticleId
from lumina_core.drivers.vector_store import COLLECTIONS, Filter, Match, Point, Range, VectorStore
from lumina_core.indexing.plan import Batch, Piece, Removal
from lumina_core.indexing.progress import Problem

__all__ = ["ARTICLES", "CHUNKS", "Encoded", "drop_collections", "ensure_collections", "write", "write_ranks"]

ARTICLES = "articles"
CHUNKS = "chunks"
_DERIVED = (ARTICLES, CHUNKS)

RANKED_POINTS = 64
"""Payloads changed in one call, so that a search does not wait long behind them."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch and the points it becomes. An article's own point comes with its last piece."""

    batch: Batch
    chunks: tuple[Point, ...]
    articles: tuple[Point, ...]
    problems: tuple[Problem, ...] = ()


async def ensure_collections(store: VectorStore, *, dim: int) -> None:
    """Create what is missing. Raises `Conflict` where a collection is there with other vectors."""
    for spec in COLLECTIONS:
        if spec.name in _DERIVED:
            await store.ensure(replace(spec, dim=dim))


async def drop_collections(store: VectorStore) -> None:
    for name in _DERIVED:
        await store.drop(name)


async def write(store: VectorStore, encoded: Encoded) -> None:
    """Write a batch. Everything it holds is durable once this returns; until then any part of it may be.

    Chunk ids count from 0 in every revision, so a new revision overwrites the old chunks one by one, and what the old
    one had beyond the new one's number is removed once the last piece is there.
    """
    if encoded.chunks:
        await store.upsert(CHUNKS, encoded.chunks)
    if encoded.articles:
        await store.upsert(ARTICLES, encoded.articles)
    for item in encoded.batch.work:
        if isinstance(item, Piece) and item.is_last and not item.is_first_revision:
            of_article = Match("article", (item.article.id,))
            await store.delete(CHUNKS, Filter(must=(of_article, Range("ordinal", gte=item.total))))
    removed = tuple(item.article_id for item in encoded.batch.work if isinstance(item, Removal))
    if removed:
        await store.delete(CHUNKS, Filter(must=(Match("article", removed),)))
        await store.delete(ARTICLES, Filter(must=(Match("id", removed),)))


async def write_ranks(store: VectorStore, ranks: Sequence[tuple[ArticleId, float]]) -> None:
    """Set the page rank in the payloads of these articles and of all their chunks."""
    by_article = dict(ranks)
    await _set_ranks(store, ARTICLES, {str(article): rank for article, rank in ranks})
    of_articles = Filter(must=(Match("article", tuple(by_article)),))
    after: str | None = None
    while True:
        records, after = await store.scroll(CHUNKS, filter=of_articles, after=after, payload=("article",))
        await _set_ranks(store, CHUNKS, {record.id: by_article[record.payload["article"]] for record in records})
        if after is None:
            return


async def _set_ranks(store: VectorStore, collection: str, ranks: dict[str, float]) -> None:
    names = list(ranks)
    for start in range(0, len(names), RANKED_POINTS):
        await store.set_payload(
            collection, {name: {"pagerank": ranks[name]} for name in names[start : start + RANKED_POINTS]}
        )
        await asyncio.sleep(0)
