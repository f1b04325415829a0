from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.documents import Redirect, article_id
from lumina_core.errors import Conflict, CoreError, NotFound
from lumina_core.graph.catalogue import Catalogue, Counts
from lumina_core.graph.log import ARTICLES, LINKS, GraphLog, log_end, read_log
from lumina_core.graph.records import Deletion, LinkSet, encode_event

TITLES = ("Paris", "Lyon", "France", "Gaul")


def append(log: GraphLog, *events: object, stream: str = ARTICLES) -> None:
    log.append(stream, [encode_event(event, at=5.0) for event in events]).result()  # type: ignore[arg-type]


def everything(catalogue: Catalogue) -> object:
    """All the catalogue can be asked about the articles of `TITLES`."""
    known = [row.id for row in catalogue.articles()]
    return (
        catalogue.counts(),
        [catalogue.get(article_id("wiki", title)) for title in TITLES],
        [catalogue.find_title(title) for title in TITLES],
        [catalogue.redirect_named("wiki", title) for title in TITLES],
        [(catalogue.revisions(a), catalogue.links_from(a), catalogue.links_to(a)) for a in known],
        [catalogue.redirects_to(a) for a in known],
        [catalogue.search_titles(prefix) for prefix in ("", "p", "FR")],
        [catalogue.has_revision("wiki", title, revision) for title in TITLES for revision in "123"],
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


def test_an_article_is_found_by_id_and_title_and_read_from_the_log(log, catalogue, make_article):
    paris = make_article("Paris", links=("France",))
    append(log, paris, make_article("Lyon"))
    assert catalogue.catch_up() == 2

    row = catalogue.get(paris.id)
    assert (row.title, row.revision, row.fingerprint, row.at) == ("Paris", "1", paris.fingerprint, 5.0)
    assert catalogue.find_title("paris") == row
    assert catalogue.find_title("PARIS", source="wiki") == row
    assert catalogue.find_title("Paris", source="elsewhere") is None
    assert catalogue.read_article(paris.id) == paris
    assert catalogue.counts() == Counts(articles=2, redirects=0, links=1, revisions=2, changes=2)


def test_a_new_revision_replaces_the_article_and_the_old_one_can_still_be_read(log, catalogue, make_article):
    old, new = make_article("Paris", "1", links=("Gaul",)), make_article("Paris", "2", links=("France",))
    append(log, old, new)
    catalogue.catch_up()

    assert catalogue.read_article(old.id) == new
    assert catalogue.read_article(old.id, "1") == old
    assert [row.revision for row in catalogue.revisions(old.id)] == ["1", "2"]
    assert [link.title for link in catalogue.links_from(old.id)] == ["France"]
    with pytest.raises(NotFound, match="'3'"):
        catalogue.read_article(old.id, "3")


def test_a_deleted_article_is_gone_but_its_revisions_are_not(log, catalogue, make_article):
    paris = make_article("Paris", links=("France",))
    append(log, paris, make_article("France", links=("Paris",)), Deletion("Paris", "wiki", paris.id))
    catalogue.catch_up()

    assert catalogue.get(paris.id) is None
    assert catalogue.find_title("Paris") is None
    assert not catalogue.has_revision("wiki", "Paris", "1")
    with pytest.raises(NotFound):
        catalogue.read_article(paris.id)
    assert catalogue.read_article(paris.id, "1") == paris
    assert [row.event for row in catalogue.revisions(paris.id)] == ["article", "delete"]
    assert [link.target for link in catalogue.links_from(article_id("wiki", "France"))] == [None]
    assert catalogue.counts().links == 1


def test_titles_and_links_lead_through_chains_of_redirects(log, catalogue, make_article):
    france = make_article("France")
    append(
        log,
        make_article("Paris", links=("gaul", "France", "Nowhere")),
        Redirect("Gaul", "Francia", "wiki", "1", 1.0),
        Redirect("Francia", "France", "wiki", "1", 1.0),
        france,
    )
    catalogue.catch_up()

    assert catalogue.find_title("gaul").id == france.id
    assert catalogue.redirects_to(france.id) == ["Francia", "Gaul"]
    links = catalogue.links_from(article_id("wiki", "Paris"))
    assert [(link.title, link.target) for link in links] == [
        ("Gaul", france.id),
        ("France", france.id),
        ("Nowhere", None),
    ]
    assert [(link.source, link.title) for link in catalogue.links_to(france.id)] == [
        (article_id("wiki", "Paris"), "France"),
        (article_id("wiki", "Paris"), "Gaul"),
    ]


def test_redirects_in_a_circle_lead_nowhere(log, catalogue, make_article):
    append(
        log,
        Redirect("A", "B", "wiki", "1", 1.0),
        Redirect("B", "A", "wiki", "1", 1.0),
        Redirect("C", "C", "wiki", "1", 1.0),
        make_article("Paris", links=("A", "C")),
    )
    catalogue.catch_up()

    assert catalogue.find_title("A") is None
    assert catalogue.find_title("C") is None
    assert [link.target for link in catalogue.links_from(article_id("wiki", "Paris"))] == [None, None]
    assert catalogue.search_titles("") == [catalogue.find_title("Paris")]


def test_a_page_that_became_a_redirect_is_no_article_any_more_and_back(log, catalogue, make_article):
    gaul = make_article("Gaul")
    append(log, gaul, make_article("France"), Redirect("Gaul", "France", "wiki", "2", 1.0))
    catalogue.catch_up()
    assert catalogue.get(gaul.id) is None
    assert catalogue.find_title("Gaul").title == "France"

    append(log, make_article("Gaul", "3"))
    catalogue.catch_up()
    assert catalogue.find_title("Gaul").revision == "3"
    assert catalogue.redirect_named("wiki", "Gaul") is None
    assert catalogue.counts().redirects == 0


def test_two_articles_of_one_title_give_way_to_each_other(log, catalogue, make_article):
    first = make_article("Readme", source="folder")
    second = make_article("Readme", "2", source="folder")
    second = type(second)(**{f: getattr(second, f) for f in second.__dataclass_fields__} | {"id": "art_other"})
    append(log, first, second)
    catalogue.catch_up()
    assert catalogue.find_title("Readme").id == "art_other"

    append(log, Deletion("Readme", "folder", second.id))
    catalogue.catch_up()
    assert catalogue.find_title("Readme").id == first.id


def test_links_of_other_relations_stand_beside_page_links(log, catalogue, make_article):
    paris = make_article("Paris", links=("France",))
    append(log, paris, make_article("France"), make_article("Lyon"))
    append(log, LinkSet(paris.id, "semantic", "wiki", ("Lyon", "France")), stream=LINKS)
    catalogue.catch_up()
    assert {link.title: link.relations for link in catalogue.links_from(paris.id)} == {
        "France": ("page_link", "semantic"),
        "Lyon": ("semantic",),
    }

    append(log, LinkSet(paris.id, "semantic", "wiki", ()), stream=LINKS)
    append(log, make_article("Paris", "2"))
    catalogue.catch_up()
    assert catalogue.links_from(paris.id) == []


def test_titles_are_searched_by_their_beginning(log, catalogue, make_article):
    append(
        log, *[make_article(title) for title in ("École", "Éclair", "Echo")], Redirect("Ecu", "Echo", "wiki", "1", 1.0)
    )
    catalogue.catch_up()

    assert [row.title for row in catalogue.search_titles("éc")] == ["Éclair", "École"]
    assert [row.title for row in catalogue.search_titles("ec")] == ["Echo"]
    assert len(catalogue.search_titles("", limit=2)) == 2


def test_articles_are_listed_a_page_at_a_time(log, catalogue, make_article):
    append(log, *[make_article(f"T{n}") for n in range(7)])
    catalogue.catch_up()

    seen: list[str] = []
    while page := catalogue.articles(after=seen[-1] if seen else "", limit=3):
        seen += [row.id for row in page]
    assert seen == sorted(article_id("wiki", f"T{n}") for n in range(7))


titles = st.sampled_from(TITLES)
some_titles = st.lists(titles, max_size=3).map(tuple)
events = (
    st.tuples(st.just("article"), titles, st.sampled_from("123"), some_titles)
    | st.tuples(st.just("redirect"), titles, st.sampled_from("123"), titles)
    | st.tuples(st.just("delete"), titles, st.booleans(), st.none())
    | st.tuples(
        st.just("links"), titles, st.sampled_from(("semantic", "same_as")), st.lists(titles, max_size=3).map(tuple)
    )
)


def build(make_article, what, title, detail, more):
    if what == "article":
        return ARTICLES, make_article(title, detail, links=more)
    if what == "redirect":
        return ARTICLES, Redirect(title, more, "wiki", detail, 1.0)
    if what == "delete":
        return ARTICLES, Deletion(title, "wiki", article_id("wiki", title) if detail else None)
    return LINKS, LinkSet(article_id("wiki", title), detail, "wiki", more)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(events, max_size=6), max_size=5))
def test_a_catalogue_rebuilt_from_the_log_equals_the_one_that_followed_it(scratch, make_article, batches):
    days = iter(f"2026/11/{day:02}" for day in range(1, 32) for _ in range(2))
    with scratch() as folder:
        root = folder / "graphs"
        with GraphLog.open(root, today=lambda: next(days)) as log:
            following = Catalogue.open(folder / "following.sqlite", root)
            for batch in batches:
                built = [build(make_article, *event) for event in batch]
                for stream in (ARTICLES, LINKS):
                    append(log, *[event for to, event in built if to == stream], stream=stream)
                following.catch_up()
        rebuilt = Catalogue.open(folder / "rebuilt.sqlite", root)

        assert everything(rebuilt) == everything(following)
        assert rebuilt.counts().articles == len(rebuilt.articles())
        following.close()
        rebuilt.close()


def test_applying_an_entry_again_changes_nothing(log, root, catalogue, make_article):
    append(log, make_article("Paris", links=("France",)), make_article("Paris", "2"))
    entries = list(read_log(root, ARTICLES))
    assert catalogue.apply(entries) == 2
    before = everything(catalogue)

    assert catalogue.apply(entries) == 0
    assert catalogue.catch_up() == 0
    assert everything(catalogue) == before
    assert catalogue.position(ARTICLES) == log_end(root, ARTICLES)


def test_it_goes_on_where_it_stopped_and_can_be_deleted(log, root, path, make_article):
    append(log, make_article("Paris"))
    Catalogue.open(path, root).close()
    append(log, make_article("Lyon"))
    opened = Catalogue.open(path, root, catch_up=False)
    assert opened.counts().articles == 1
    progress: list[int] = []
    assert opened.catch_up(on_progress=progress.append) == 1
    assert progress == [1]
    before = everything(opened)
    opened.close()
    path.unlink()

    again = Catalogue.open(path, root)
    assert everything(again) == before
    again.close()


@pytest.mark.parametrize("damage", ["garbage", "header", "half", "newer", "other"])
def test_a_file_that_cannot_be_used_is_set_aside_and_rebuilt(log, root, path, make_article, damage):
    append(log, *[make_article(f"T{n}", links=("Paris",)) for n in range(300)], make_article("Paris"))
    opened = Catalogue.open(path, root)
    before = everything(opened)
    opened.close()
    content = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"this is not a database, whatever its name says" * 100)
    elif damage == "header":
        path.write_bytes(content[:100] + b"\xff" * 8000 + content[8100:])
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
        append(log, make_article("Lyon"))
        append(log, Deletion("Lyon", "wiki", article_id("wiki", "Lyon")))
    else:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 99" if damage == "newer" else "PRAGMA application_id = 1")
        connection.close()

    again = Catalogue.open(path, root)

    if damage != "half":
        assert everything(again) == before
    assert again.find_title("Paris").title == "Paris"
    assert len(again.links_to(again.find_title("Paris").id)) == 300
    assert (path.parent / "catalogue.sqlite.aside-1").exists()
    again.close()


def test_a_catalogue_of_another_log_is_not_believed(root, path, tmp_path, make_article):
    for place, title in ((root, "Paris"), (tmp_path / "other", "Paros")):
        with GraphLog.open(place) as log:
            append(log, make_article(title))
    Catalogue.open(path, root).close()
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "other", root)

    opened = Catalogue.open(path, root)
    assert [row.title for row in opened.articles()] == ["Paros"]
    opened.close()


def test_lines_that_mean_nothing_are_passed_over_and_listed(log, root, catalogue, make_article):
    append(log, make_article("Paris"))
    (written,) = log.append(ARTICLES, [{"event": "from the future"}]).result()
    file = root / "articles" / written.day / "articles.ndjson"
    with file.open("a") as raw:
        raw.write("damaged\n" + json.dumps(encode_event(make_article("Lyon"))) + "\n")
    catalogue.catch_up()

    assert {row.title for row in catalogue.articles()} == {"Paris", "Lyon"}
    assert [(problem.stream, problem.start) for problem in catalogue.problems()] == [
        (ARTICLES, written.start),
        (ARTICLES, written.end),
    ]


def test_odd_values_in_a_line_do_not_stop_the_catalogue(log, catalogue, make_article):
    odd = encode_event(make_article("Odd", links=("a\0b", "a\0c", "", "x" * 100_000))) | {"at": {}, "replaced": 7}
    log.append(ARTICLES, [odd, encode_event(make_article("Paris"))]).result()

    assert catalogue.catch_up() == 2
    assert {row.title for row in catalogue.articles()} == {"Odd", "Paris"}
    assert catalogue.problems() == []


def test_ranks_are_kept_and_choose_between_sources(log, catalogue, make_article):
    one, other = make_article("Paris"), make_article("Paris", source="web")
    append(log, one, other)
    catalogue.catch_up()
    catalogue.set_ranks({one.id: 0.5, other.id: 1.5, article_id("wiki", "Gone"): 3.0})

    assert catalogue.ranks() == {one.id: 0.5, other.id: 1.5}
    assert catalogue.get(one.id).pagerank == 0.5
    assert catalogue.find_title("Paris").id == other.id
    catalogue.set_ranks({})
    assert catalogue.ranks() == {}


@pytest.mark.processes
@pytest.mark.parametrize("owner_is_there", [True, False])
def test_another_process_reads_it_and_cannot_write(log, root, path, make_article, owner_is_there):
    append(log, make_article("Paris"))
    owner = Catalogue.open(path, root)
    if not owner_is_there:
        owner.close()
    script = (
        "import sys, json; from pathlib import Path; from lumina_core.graph.catalogue import Catalogue\n"
        "c = Catalogue.open(Path(sys.argv[1]), Path(sys.argv[2]), read_only=True)\n"
        "print(json.dumps([row.title for row in c.articles()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(root)], check=True, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout) == ["Paris"]

    reader = Catalogue.open(path, root, read_only=True)
    with pytest.raises(Conflict, match="reading only"):
        reader.set_ranks({})
    reader.close()
    owner.close()


def test_opening_one_that_is_not_there_for_reading_is_a_clear_error(root, path):
    with pytest.raises(NotFound) as caught:
        Catalogue.open(path, root, read_only=True)
    assert caught.value.hint


def test_damage_found_later_says_what_to_do(log, root, path, make_article):
    append(log, *[make_article(f"T{n}") for n in range(500)])
    opened = Catalogue.open(path, root)
    opened.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\xa5" * (len(content) // 2))
    reader = Catalogue.open(path, root, read_only=True)

    with pytest.raises(CoreError) as caught:
        reader.articles(limit=1000)
    assert "rebuilt" in str(caught.value.hint)
    reader.close()
