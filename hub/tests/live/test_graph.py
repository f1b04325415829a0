from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
GRAPH = "/api/v1/graph"


async def two_revisions(hub: Hub, notes: Path, title: str) -> tuple[str, list[str]]:
    """An article that was ingested, changed and ingested again: its id and its revisions."""
    file = notes / "page.md"
    for word in ("grey", "green"):
        file.write_text(f"# {title}\n\nThe {title} is {word}.\n")
        assert (await hub.ingest(notes)).articles == 1
    article = await hub.find_article(title)
    listed = (await hub.client.get(f"{GRAPH}/articles/{article}/revisions")).json()["revisions"]
    return article, [row["revision"] for row in listed]


async def test_articles_are_listed_page_by_page(hub: Hub) -> None:
    seen: list[str] = []
    after = None
    while True:
        parameters = {"limit": 4} | ({"after": after} if after else {})
        page = (await hub.client.get(f"{GRAPH}/articles", params=parameters)).json()
        seen += [row["id"] for row in page["articles"]]
        after = page["after"]
        if after is None:
            break

    assert len(seen) == len(set(seen)) >= 15
    assert seen == sorted(seen)


async def test_an_article_is_found_by_title_whatever_the_case(hub: Hub) -> None:
    rows = (await hub.client.get(f"{GRAPH}/articles", params={"title": "lumina"})).json()["articles"]

    assert rows[0]["title"] == "Lumina"


async def test_an_article_has_text_and_sections_that_lie_in_it(hub: Hub) -> None:
    article = (await hub.client.get(f"{GRAPH}/articles/{await hub.find_article('Lumina')}")).json()

    assert article["source"] == "lumina"
    assert article["url"] == "lumina:lumina.md"
    assert all(0 <= part["start"] <= part["end"] <= len(article["text"]) for part in article["sections"])


async def test_an_old_revision_can_be_read_compared_and_restored(hub: Hub, notes: Path) -> None:
    article, (old, new) = await two_revisions(hub, notes, "Wombatite")
    path = f"{GRAPH}/articles/{article}"

    assert "grey" in (await hub.client.get(path, params={"revision": old})).json()["text"]
    assert "green" in (await hub.client.get(path)).json()["text"]
    for parameters in ({}, {"from": old, "to": new}):
        diff = (await hub.client.get(f"{path}/diff", params=parameters)).json()
        assert "-The Wombatite is grey." in diff["diff"]
        assert "+The Wombatite is green." in diff["diff"]

    restored = await hub.client.post(f"{path}/restore", json={"revision": old})
    assert restored.json()["restored"] == 1
    assert "grey" in (await hub.client.get(path)).json()["text"]
    assert len((await hub.client.get(f"{path}/revisions")).json()["revisions"]) == 3


async def test_the_log_of_an_article_is_its_life_newest_first(hub: Hub, notes: Path) -> None:
    article, revisions = await two_revisions(hub, notes, "Wombatine")

    entries = (await hub.client.get(f"{GRAPH}/log", params={"article": article})).json()["entries"]

    assert [entry["revision"] for entry in entries] == revisions[::-1]
    newest = (await hub.client.get(f"{GRAPH}/log", params={"limit": 1})).json()["entries"]
    assert newest == entries[:1]


async def test_the_first_revision_has_nothing_to_be_compared_with(hub: Hub) -> None:
    response = await hub.client.get(f"{GRAPH}/articles/{await hub.find_article('Privacy')}/diff")

    assert response.status_code == 404


async def test_links_lead_both_ways(hub: Hub, notes: Path) -> None:
    (notes / "from.md").write_text("# Bandicootia\n\nSee [the other](to.md).\n")
    (notes / "to.md").write_text("# Bilbyland\n\nA land of bilbies.\n")
    await hub.ingest(notes)
    one, other = await hub.find_article("Bandicootia"), await hub.find_article("Bilbyland")

    out = (await hub.client.get(f"{GRAPH}/articles/{one}/links")).json()["links_from"]
    into = (await hub.client.get(f"{GRAPH}/articles/{other}/links")).json()["links_to"]

    assert out == [{"id": other, "title": "Bilbyland", "relations": ["page_link"]}]
    assert into == [{"id": one, "title": "Bandicootia", "relations": ["page_link"]}]


async def test_the_graph_goes_back_to_a_recovery_point_and_forward_again(hub: Hub, notes: Path) -> None:
    article, _ = await two_revisions(hub, notes, "Wombatess")
    point = await hub.client.post(f"{GRAPH}/recovery-points", json={"name": "before the flood"})
    assert point.status_code == 201
    (notes / "page.md").write_text("# Wombatess\n\nThe Wombatess is wet.\n")
    await hub.ingest(notes)

    changes = (await hub.client.get(f"{GRAPH}/changes", params={"from": "before the flood"})).json()
    assert [(change["kind"], change["title"]) for change in changes["changes"]] == [("changed", "Wombatess")]

    result = (await hub.client.post(f"{GRAPH}/restore", json={"point": "before the flood"})).json()
    assert result["restored"] == 1
    assert "green" in (await hub.client.get(f"{GRAPH}/articles/{article}")).json()["text"]
    names = [row["name"] for row in (await hub.client.get(f"{GRAPH}/recovery-points")).json()["points"]]
    assert {"before the flood", result["undo"]} <= set(names)


async def test_a_recovery_points_name_is_taken_once(hub: Hub) -> None:
    assert (await hub.client.post(f"{GRAPH}/recovery-points", json={"name": "twice"})).status_code == 201

    response = await hub.client.post(f"{GRAPH}/recovery-points", json={"name": "twice"})

    assert response.status_code == 409
    assert response.json()["type"] == "/problems/conflict"


async def test_the_export_is_node_link_json(hub: Hub) -> None:
    response = await hub.client.get(f"{GRAPH}/export")

    exported = json.loads(response.content)
    ids = {node["id"] for node in exported["nodes"]}
    assert await hub.find_article("Lumina") in ids
    assert all({"id", "title", "summary", "fingerprint", "wikidata"} <= node.keys() for node in exported["nodes"])
    assert all(link["source"] in ids and link["relations"] for link in exported["links"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/articles/art_000000000000", None),
        ("GET", "/articles/art_000000000000/revisions", None),
        ("GET", "/articles/art_000000000000/links", None),
        ("GET", "/articles/art_000000000000/diff", None),
        ("POST", "/articles/art_000000000000/restore", {"revision": "1"}),
        ("GET", "/log?article=art_000000000000", None),
        ("GET", "/changes?from=nowhere", None),
        ("POST", "/restore", {"point": "nowhere"}),
    ],
)
async def test_an_unknown_id_is_a_problem_that_says_so(hub: Hub, method: str, path: str, body: object) -> None:
    response = await hub.client.request(method, GRAPH + path, json=body)

    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-found"
