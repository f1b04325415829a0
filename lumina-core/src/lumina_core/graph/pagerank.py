"""How much the rest of the graph points at an article."""

# ruff: noqa: S608 - only constants of ours are put into queries, every value is bound

from __future__ import annotations

from collections.abc import Mapping

import igraph
import numpy as np

from lumina_core.documents import ArticleId
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.catalogue_schema import RESOLVE_COLUMN, RESOLVE_JOINS

__all__ = ["changed_ranks", "compute_pagerank"]


def compute_pagerank(catalogue: Catalogue, *, damping: float = 0.85) -> dict[ArticleId, float]:
    """PageRank of every live article over the links between live articles, resolved through redirects.

    Each linked pair counts once, whatever its relations; links to itself and to titles that are not here count not.

    Returns:
        Ranks whose mean is 1.0, so that they stay comparable while the graph grows. Without links all are 1.0.

    Source: Brin and Page, 1998; igraph's PRPACK solver.
    """
    with catalogue.reading() as connection:
        connection.execute("BEGIN")
        articles = connection.execute("SELECT key, id FROM articles WHERE live ORDER BY key").fetchall()
        if not articles:
            return {}
        edges = np.fromiter(
            (
                end
                for edge in connection.execute(
                    f"SELECT l.article, {RESOLVE_COLUMN} FROM links AS l CROSS JOIN names AS n0 ON n0.id = l.target"
                    f" {RESOLVE_JOINS} WHERE (n0.article IS NOT NULL OR n0.redirect IS NOT NULL)"
                    f" AND {RESOLVE_COLUMN} IS NOT NULL"
                )
                for end in edge
            ),
            dtype=np.int64,
        ).reshape(-1, 2)
    keys = np.array([key for key, _ in articles], dtype=np.int64)
    edges = edges[np.isin(edges[:, 0], keys) & np.isin(edges[:, 1], keys) & (edges[:, 0] != edges[:, 1])]
    edges = np.unique(np.searchsorted(keys, edges), axis=0)
    graph = igraph.Graph(n=len(keys), edges=edges, directed=True)
    ranks = graph.pagerank(damping=damping)
    return {ArticleId(article): rank * len(keys) for (_, article), rank in zip(articles, ranks, strict=True)}


def changed_ranks(
    old: Mapping[ArticleId, float], new: Mapping[ArticleId, float], tolerance: float = 0.1
) -> dict[ArticleId, float]:
    """The new ranks worth writing to an index: of articles not ranked before, and those that moved by more than
    `tolerance`, as a share of the larger of both ranks."""
    return {
        article: rank
        for article, rank in new.items()
        if article not in old or abs(rank - old[article]) > tolerance * max(rank, old[article])
    }
