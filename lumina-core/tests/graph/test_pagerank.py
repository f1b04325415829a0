from __future__ import annotations

import pytest

from lumina_core.documents import ArticleId, Redirect, article_id
from lumina_core.graph.pagerank import changed_ranks, compute_pagerank
from lumina_core.graph.records import LinkSet


def rank(ranks, title: str) -> float:
    return ranks[article_id("wiki", title)]


def reference(edges: dict[str, set[str]], damping: float = 0.85) -> dict[str, float]:
    """The definition, by repeated multiplication; what leads nowhere leads everywhere."""
    n = len(edges)
    ranks = dict.fromkeys(edges, 1.0)
    for _ in range(300):
        stuck = sum(ranks[page] for page, out in edges.items() if not out) / n
        ranks = {
            page: 1 - damping + damping * (stuck + sum(ranks[p] / len(out) for p, out in edges.items() if page in out))
            for page in edges
        }
    return ranks


def test_no_articles_have_no_ranks(graph):
    assert compute_pagerank(graph.catalogue) == {}


def test_articles_without_links_rank_alike(graph, make_article):
    graph.add([make_article("A", links=("Nowhere",)), make_article("B")])

    assert list(compute_pagerank(graph.catalogue).values()) == pytest.approx([1.0, 1.0])


def test_ranks_are_those_of_the_definition_over_resolved_links(graph, make_article):
    graph.add(
        [
            make_article("A", links=("B", "b", "Bee", "A", "Nowhere")),
            make_article("B", links=("C", "D")),
            make_article("C", links=("Bee",)),
            make_article("D"),
            make_article("E", links=("D",)),
            make_article("Gone", links=("A", "B")),
            Redirect("Bee", "B", "wiki", "1", 1.0),
        ]
    )
    graph.delete(article_id("wiki", "Gone"))
    graph.relate([LinkSet(article_id("wiki", "E"), "semantic", "wiki", ("A", "D"))])
    expected = reference({"A": {"B"}, "B": {"C", "D"}, "C": {"B"}, "D": set(), "E": {"D", "A"}})

    ranks = compute_pagerank(graph.catalogue)

    assert {title: rank(ranks, title) for title in expected} == pytest.approx(expected, rel=1e-6)
    assert sum(ranks.values()) / len(ranks) == pytest.approx(1.0)


def test_only_ranks_that_moved_are_worth_writing():
    a, b, c, d = (ArticleId(name) for name in "abcd")

    assert changed_ranks({a: 1.0, b: 1.0, c: 5.0}, {a: 1.05, b: 1.5, d: 1.0}) == {b: 1.5, d: 1.0}
    assert changed_ranks({a: 1.0}, {a: 1.05}, tolerance=0.01) == {a: 1.05}
