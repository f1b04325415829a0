from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.documents import Redirect, article_id
from lumina_core.errors import Conflict, CoreError, InvalidInput, NotFound
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import ARTICLES, GraphLog, read_log
from lumina_core.graph.records import LinkSet

TITLES = ("Paris", "Lyon", "France", "Gaul")
PARIS = article_id("wiki", "Paris")


def counts(result) -> tuple[int, int, int, int]:
    return result.added, result.changed, result.redirects, result.unchanged


def redirect(title: str, target: str, revision: str = "1") -> Redirect:
    return Redirect(title, target, "wiki", revision, 1.0)


def lines(root: Path) -> list[str]:
    return [entry.record["event"] for entry in read_log(root, ARTICLES)]


def state(graph: KnowledgeGraph) -> object:
    """What the graph holds now, without how it came to it."""
    catalogue = graph.catalogue
    articles = [catalogue.read_article(row.id) for row in catalogue.articles()]
    return (
        articles,
        [catalogue.redirect_named("wiki", title) for title in TITLES],
        [sorted(catalogue.links_from(article.id), key=str) for article in articles],
        [row and row.id for row in map(catalogue.find_title, TITLES)],
    )


def test_the_same_batch_twice_changes_nothing(graph, root, make_article):
    batch = [make_article("Paris"), make_article("France"), redirect("Gaul", "France")]
    assert counts(graph.add(batch)) == (2, 0, 1, 0)
    before = lines(root)

    again = graph.add(batch)

    assert counts(again) == (0, 0, 0, 3)
    assert lines(root) == before
    assert again.position == graph.position


def test_what_is_twice_in_one_batch_is_added_once(graph, make_article):
    batch = [make_article("Paris"), make_article("Paris"), redirect("Gaul", "France"), redirect("gaul", "France")]

    assert counts(graph.add(batch)) == (1, 0, 1, 2)


def test_a_new_revision_replaces_the_article_and_an_older_one_does_not(graph, make_article):
    graph.add([make_article("Paris", "9")])

    assert counts(graph.add([make_article("Paris", "10")])) == (0, 1, 0, 0)
    assert counts(graph.add([make_article("Paris", "9")])) == (0, 0, 0, 1)
    assert graph.catalogue.get(PARIS).revision == "10"


def test_revisions_without_an_order_replace_each_other(graph, make_article):
    graph.add([make_article("Paris", "a1")])
    graph.add([make_article("Paris", "b2")])

    assert counts(graph.add([make_article("Paris", "a1")])) == (0, 1, 0, 0)


def test_a_revision_of_the_same_words_is_no_change_unless_the_title_is(graph, make_article):
    graph.add([make_article("Paris", "1", text="A city.")])

    assert counts(graph.add([make_article("Paris", "2", text="A  city. ")])) == (0, 0, 0, 1)
    renamed = replace(make_article("Paris", "3", text="A city."), title="Paris (city)")
    assert counts(graph.add([renamed])) == (0, 1, 0, 0)
    assert graph.catalogue.find_title("Paris") is None
    assert graph.catalogue.find_title("Paris (city)").id == PARIS


def test_a_redirect_over_an_article_deletes_it_in_words(graph, root, make_article):
    graph.add([make_article("Gaul"), make_article("France")])
    assert counts(graph.add([redirect("Gaul", "France", "2")])) == (0, 0, 1, 0)
    assert lines(root) == ["article", "article", "delete", "redirect"]

    assert counts(graph.add([make_article("Gaul", "1")])) == (0, 0, 0, 1), "an older dump brings nothing back"
    assert counts(graph.add([make_article("Gaul", "3")])) == (1, 0, 0, 0)
    assert counts(graph.add([redirect("Gaul", "France", "2")])) == (0, 0, 0, 1)


def test_a_redirect_to_itself_is_not_added(graph):
    assert counts(graph.add([redirect("Gaul", "gaul")])) == (0, 0, 0, 1)


def test_a_known_revision_is_known_before_it_is_parsed(graph, make_article):
    graph.add([make_article("Paris", "1"), redirect("Gaul", "France", "4")])
    known = graph.catalogue.has_revision

    assert known("wiki", "paris", "1")
    assert known("wiki", "Gaul", "4")
    assert not known("wiki", "Paris", "2")
    assert not known("elsewhere", "Paris", "1")
    graph.delete(PARIS)
    assert not known("wiki", "Paris", "1")
    assert counts(graph.add([make_article("Paris", "1")])) == (1, 0, 0, 0)


def test_deleting_what_is_not_there_is_a_clear_error(graph):
    with pytest.raises(NotFound, match="art_nothing"):
        graph.delete("art_nothing")


def test_a_diff_shows_what_a_revision_changed(graph, make_article):
    graph.add([make_article("Paris", "1", text="A city.\n\nOn a river.")])
    graph.add([make_article("Paris", "2", text="A city.\n\nOn the Seine.")])

    assert graph.diff(PARIS, "1").splitlines() == [
        "--- Paris (revision 1)",
        "+++ Paris (revision 2)",
        "@@ -1,3 +1,3 @@",
        " A city.",
        " ",
        "-On a river.",
        "+On the Seine.",
    ]
    assert graph.diff(PARIS, "2", "1").splitlines()[-2:] == ["-On the Seine.", "+On a river."]


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_the_diff_of_a_revision_with_itself_is_empty(scratch, make_article, text):
    with scratch() as folder, GraphLog.open(folder / "graphs") as log:
        catalogue = Catalogue.open(folder / "catalogue.sqlite", log.root)
        graph = KnowledgeGraph(log, catalogue)
        graph.add([make_article("Paris", "1", text=text)])

        assert graph.diff(PARIS, "1") == ""
        assert graph.diff(PARIS, "1", "1") == ""
        catalogue.close()


def test_restoring_an_article_appends_and_its_source_does_not_undo_it(graph, root, make_article):
    graph.add([make_article("Paris", "1")])
    graph.add([make_article("Paris", "2")])
    result = graph.restore_article(PARIS, "1")

    assert (result.restored, lines(root)) == (1, ["article"] * 3)
    assert graph.catalogue.read_article(PARIS) == make_article("Paris", "1")
    assert graph.catalogue.has_revision("wiki", "Paris", "2"), "the source still offers it, and it was turned down"
    assert counts(graph.add([make_article("Paris", "2")])) == (0, 0, 0, 1)
    assert counts(graph.add([make_article("Paris", "3")])) == (0, 1, 0, 0)
    assert graph.restore_article(PARIS, "3").restored == 0


def test_a_deleted_article_can_be_restored(graph, make_article):
    graph.add([make_article("Paris", "1")])
    graph.delete(PARIS)
    graph.restore_article(PARIS, "1")

    assert graph.catalogue.read_article(PARIS) == make_article("Paris", "1")
    with pytest.raises(NotFound):
        graph.restore_article(PARIS, "2")


def test_changes_between_recovery_points_are_told_apart(graph, make_article):
    graph.add([make_article("Paris", "1"), make_article("Lyon"), redirect("Gaul", "France")])
    graph.add_recovery_point("before")
    graph.add([make_article("Paris", "2"), make_article("France"), redirect("Gaul", "Paris", "2")])
    graph.delete(article_id("wiki", "Lyon"))
    graph.relate([LinkSet(PARIS, "semantic", "wiki", ("France",))])
    graph.add_recovery_point("after")

    forth = {(c.kind, c.what, c.title, c.before, c.after) for c in graph.changes("before", "after")}
    assert forth == {
        ("added", "article", "France", None, "1"),
        ("changed", "article", "Paris", "1", "2"),
        ("removed", "article", "Lyon", "1", None),
        ("changed", "redirect", "Gaul", "France", "Paris"),
        ("added", "links", "Paris", None, "semantic"),
    }
    assert {(c.kind, c.title) for c in graph.changes("after", "before")} >= {("removed", "France"), ("added", "Lyon")}
    assert list(graph.changes("after")) == list(graph.changes("after", "after")) == []


steps = st.lists(
    st.tuples(
        st.sampled_from(("article", "article", "redirect", "delete", "links", "restore")),
        st.sampled_from(TITLES),
        st.sampled_from("1234"),
        st.lists(st.sampled_from(TITLES), max_size=2).map(tuple),
    ),
    max_size=8,
)


def walk(graph: KnowledgeGraph, make_article, path) -> None:
    for what, title, revision, targets in path:
        target = article_id("wiki", title)
        if what == "article":
            graph.add([make_article(title, revision, links=targets)])
        elif what == "redirect" and targets:
            graph.add([redirect(title, targets[0], revision)])
        elif what == "delete" and graph.catalogue.get(target):
            graph.delete(target)
        elif what == "links":
            graph.relate([LinkSet(target, "semantic", "wiki", targets)])
        elif what == "restore":
            try:
                graph.restore_article(target, revision)
            except NotFound:
                continue


@settings(deadline=None, max_examples=50)
@given(steps, steps)
def test_restoring_a_recovery_point_brings_back_its_state_and_can_be_undone(scratch, make_article, first, then):
    days = iter(f"20{year:02}/01/{day:02}" for year in range(26, 99) for day in range(1, 29))
    with (
        scratch() as folder,
        GraphLog.open(folder / "graphs", today=lambda: next(days)) as log,
    ):
        catalogue = Catalogue.open(folder / "catalogue.sqlite", log.root)
        graph = KnowledgeGraph(log, catalogue)
        walk(graph, make_article, first)
        graph.add_recovery_point("here")
        at_the_point = state(graph)
        walk(graph, make_article, then)
        later = state(graph)

        result = graph.restore("here")

        assert state(graph) == at_the_point
        assert list(graph.changes("here")) == []
        assert graph.restore("here").undo is None
        if result.undo is None:
            assert later == at_the_point
        else:
            graph.restore(result.undo)
            assert state(graph) == later
        catalogue.close()


def test_restoring_says_what_it_did_and_keeps_the_history(graph, root, make_article):
    graph.add([make_article("Paris", "1")])
    graph.add_recovery_point("one")
    graph.add([make_article("Paris", "2"), make_article("Lyon")])

    result = graph.restore("one")

    assert (result.restored, result.removed) == (1, 1)
    assert [row.revision for row in graph.catalogue.revisions(PARIS)] == ["1", "2", "1"]
    assert lines(root) == ["article", "article", "article", "delete", "article"]
    assert [point.name for point in graph.recovery_points()] == ["one", result.undo]
    assert graph.recovery_points()[1].automatic


def test_autosave_does_nothing_when_nothing_changed(graph, make_article):
    assert graph.autosave() is None
    graph.add([make_article("Paris")])
    first = graph.autosave()
    assert first is not None
    assert first.automatic
    assert graph.autosave() is None
    graph.add([make_article("Paris")])
    assert graph.autosave() is None

    graph.add([make_article("Lyon")])
    second = graph.autosave()
    assert second is not None
    assert [point.name for point in graph.recovery_points()] == ["auto-20261118T110640Z", "auto-20261118T110640Z-2"]


@pytest.mark.parametrize("name", ["", " ", " x", "x ", "../x", "a/b", "-x", "x\n", "x" * 101, "auto-x", "a\x00"])
def test_a_name_that_cannot_name_a_recovery_point_is_refused(graph, name):
    with pytest.raises(InvalidInput) as caught:
        graph.add_recovery_point(name)
    assert caught.value.hint
    assert graph.recovery_points() == []


@pytest.mark.parametrize("name", ["before import", "v1.2", "été 2026", "x" * 100])
def test_a_recovery_point_can_be_found_by_its_name_and_is_named_once(graph, name):
    point = graph.add_recovery_point(name)

    assert graph.recovery_point(name) == point
    with pytest.raises(Conflict):
        graph.add_recovery_point(name)
    with pytest.raises(NotFound):
        graph.restore("another")


@pytest.mark.parametrize("relation", ["page_link", "", "Same As"])
def test_a_set_of_links_needs_a_relation_of_its_own(graph, relation):
    with pytest.raises(InvalidInput):
        graph.relate([LinkSet(PARIS, relation, "wiki", ("Lyon",))])


def test_what_the_log_took_before_the_catalogue_failed_is_not_added_twice(graph, root, make_article, monkeypatch):
    real = graph.catalogue.catch_up
    failures = iter([True])

    def catch_up(*args: object, **kwargs: object) -> int:
        if next(failures, False):
            raise CoreError("no room for the catalogue")
        return real(*args, **kwargs)

    monkeypatch.setattr(graph.catalogue, "catch_up", catch_up)
    with pytest.raises(CoreError):
        graph.add([make_article("Paris")])

    assert counts(graph.add([make_article("Paris")])) == (0, 0, 0, 1)
    assert lines(root) == ["article"]
