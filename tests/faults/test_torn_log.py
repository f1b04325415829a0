"""The log torn at any byte of its last record loads, and everything before that record is there."""

from __future__ import annotations

import shutil

from lumina_core.documents import Article, article_id, fingerprint
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog, LogPosition, read_log


def make_article(name: str) -> Article:
    text = f"{name} is a village. Its church is ö years old."
    return Article(
        id=article_id("test", name),
        title=name,
        url=f"https://example.org/{name}",
        source="test",
        revision="1",
        ts=1_700_000_000.0,
        text=text,
        summary=text,
        fingerprint=fingerprint(text),
    )


def test_the_log_loads_torn_at_any_byte_of_its_last_record(tmp_path):
    whole = tmp_path / "whole"
    with GraphLog.open(whole, today=lambda: "2026/11/22") as log:
        catalogue = Catalogue.open(tmp_path / "catalogue.sqlite", whole)
        graph = KnowledgeGraph(log, catalogue)
        before = graph.add([make_article("Aarau"), make_article("Biel")]).position
        after = graph.add([make_article("Chur")]).position
        catalogue.close()

    for size in range(before.offset, after.offset):
        torn = tmp_path / "torn"
        shutil.copytree(whole, torn)
        with (torn / "articles/2026/11/22/articles.ndjson").open("r+b") as file:
            file.truncate(size)
        with GraphLog.open(torn, today=lambda: "2026/11/22") as log:
            assert [entry.record["title"] for entry in read_log(torn, "articles/articles")] == ["Aarau", "Biel"]
            if size % 40 == 0:
                # The catalogue knows more than the log still holds.
                shutil.copy(tmp_path / "catalogue.sqlite", tmp_path / "torn.sqlite")
                assert_the_graph_is_sound(log, Catalogue.open(tmp_path / "torn.sqlite", torn), before)
        shutil.rmtree(torn)


def assert_the_graph_is_sound(log: GraphLog, catalogue: Catalogue, end: LogPosition) -> None:
    graph = KnowledgeGraph(log, catalogue)

    assert sorted(row.title for row in catalogue.articles()) == ["Aarau", "Biel"]
    assert graph.position == end
    assert graph.add([make_article("Chur")]).added == 1
    assert catalogue.read_article(article_id("test", "Chur")).text == make_article("Chur").text

    catalogue.close()
