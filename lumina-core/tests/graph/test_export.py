from __future__ import annotations

import json
import tracemalloc

from lumina_core.documents import Redirect, article_id
from lumina_core.graph.export import export_node_link
from lumina_core.graph.records import LinkSet

PARIS, FRANCE, LYON = (article_id("wiki", title) for title in ("Paris", "France", "Lyon"))


def exported(graph, **options) -> dict:
    pieces: list[bytes] = []
    graph.export(pieces.append, **options)
    return json.loads(b"".join(pieces))


def test_an_empty_graph_is_an_object_of_no_nodes(graph):
    document = exported(graph)

    assert (document["directed"], document["multigraph"]) == (True, False)
    assert (document["nodes"], document["links"]) == ([], [])


def test_articles_are_nodes_and_each_linked_pair_one_link_with_all_its_relations(graph, make_article):
    paris = make_article("Paris", links=("Gaul", "France", "Paris", "Nowhere"), wikidata="Q90")
    graph.add([paris, make_article("France"), make_article("Lyon"), Redirect("Gaul", "France", "wiki", "1", 1.0)])
    graph.relate([LinkSet(PARIS, "semantic", "wiki", ("Lyon", "France"))])
    document = exported(graph)

    nodes = {node["id"]: node for node in document["nodes"]}
    assert nodes[PARIS] == {
        "id": PARIS,
        "title": "Paris",
        "summary": paris.summary,
        "fingerprint": paris.fingerprint,
        "wikidata": "Q90",
    }
    assert nodes[LYON]["wikidata"] is None
    assert {(link["source"], link["target"]): link["relations"] for link in document["links"]} == {
        (PARIS, FRANCE): ["page_link", "semantic"],
        (PARIS, LYON): ["semantic"],
    }
    assert len(document["links"]) == 2
    assert document["graph"]["articles"] == 3


def test_titles_that_are_only_linked_to_are_written_on_request(graph, make_article):
    graph.add([make_article("Paris", links=("Nowhere",)), Redirect("A", "Nowhere", "wiki", "1", 1.0)])
    document = exported(graph, include_missing=True)

    missing = [node for node in document["nodes"] if node.get("missing")]
    assert [(node["id"], node["title"], node["summary"]) for node in missing] == [
        (article_id("wiki", "Nowhere"), "Nowhere", None)
    ]
    assert [link["target"] for link in document["links"]] == [article_id("wiki", "Nowhere")]


def test_a_deleted_article_is_neither_node_nor_target(graph, make_article):
    graph.add([make_article("Paris", links=("France",)), make_article("France", links=("Paris",))])
    graph.delete(FRANCE)
    document = exported(graph)

    assert [node["id"] for node in document["nodes"]] == [PARIS]
    assert document["links"] == []


def test_an_export_shows_the_graph_as_it_was_when_it_began(graph, make_article):
    graph.add([make_article(f"T{n}", text="x" * 2000, links=("T0",)) for n in range(100)])
    pieces = export_node_link(graph.catalogue)
    first = next(pieces)
    graph.add([make_article("Late", links=("T0",))])
    graph.delete(article_id("wiki", "T0"))
    document = json.loads(first + b"".join(pieces))

    assert len(document["nodes"]) == 100
    assert len(document["links"]) == 99


def test_an_export_needs_no_more_memory_for_a_larger_graph(graph, make_article):
    def peak_bytes() -> int:
        tracemalloc.start()
        for _ in export_node_link(graph.catalogue):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    titles = [f"T{n}" for n in range(1000)]
    graph.add([make_article(title, links=tuple(titles[n : n + 5])) for n, title in enumerate(titles[:200])])
    small = peak_bytes()
    graph.add([make_article(title, "2", links=tuple(titles[n : n + 20])) for n, title in enumerate(titles)])

    assert peak_bytes() < small + 512 * 1024
