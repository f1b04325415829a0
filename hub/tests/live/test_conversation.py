"""Whole conversations over HTTP: follow-ups, changes of subject, and a past that is no source."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from lumina_sdk.contract import ChatAnswer, Outcome

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
CHAT = "/api/v1/chat"

ARTICLES = {
    "quillfeather": (
        "# Quillfeather Observatory\n\nThe Quillfeather Observatory is an observatory on Mount Harrow that studies "
        "comets. The Quillfeather Observatory was founded in 1883 by Marguerite Dunsany. "
        "The Quillfeather Observatory has a telescope with a mirror of 2.4 metres.\n"
    ),
    "dunsany": (
        "# Marguerite Dunsany\n\nMarguerite Dunsany was an astronomer who discovered eleven comets. "
        "Marguerite Dunsany was born in Ludlow in 1851. She died in 1929 in Cardiff.\n"
    ),
    "ostrander": (
        "# Ostrander Cheese\n\nOstrander Cheese is a blue cheese made from the milk of goats. "
        "Ostrander Cheese is ripened for ninety days in salt caves.\n"
    ),
    "pellworth": (
        "# Pellworth Observatory\n\nThe Pellworth Observatory is an observatory in a desert that studies pulsars. "
        "The Pellworth Observatory was founded in 1961 by a shipping company.\n"
    ),
}


async def ask(hub: Hub, query: str, **more: object) -> ChatAnswer:
    response = await hub.client.post(CHAT, json={"query": query, **more})
    assert response.status_code == 200, response.text
    return ChatAnswer.model_validate_json(response.content)


@pytest_asyncio.fixture(loop_scope="session")
async def articles(hub: Hub, notes: Path) -> None:
    for name, text in ARTICLES.items():
        (notes / f"{name}.md").write_text(text)
    job = await hub.ingest(notes)
    assert job.skipped == 0


@pytest.mark.usefixtures("articles")
async def test_it_means_the_cited_article_even_where_the_question_did_not_name_it(hub: Hub) -> None:
    first = await ask(hub, "Which observatory on Mount Harrow studies comets?", session="comets")
    assert first.citations[0].title == "Quillfeather Observatory"

    second = await ask(hub, "When was it founded?", session="comets")

    assert second.searched_for == "When was Quillfeather Observatory founded?"
    assert second.citations[0].title == "Quillfeather Observatory"
    assert "1883" in second.answer
    assert "1961" not in second.answer


@pytest.mark.usefixtures("articles")
async def test_a_chain_of_follow_ups_goes_from_the_place_to_its_founder(hub: Hub) -> None:
    await ask(hub, "Who founded the Quillfeather Observatory?", session="chain")

    born = await ask(hub, "Where was she born?", session="chain")
    other = await ask(hub, "What about the Pellworth Observatory?", session="chain-2")

    assert born.searched_for == "Where was Marguerite Dunsany born?"
    assert "Ludlow" in born.answer
    assert other.searched_for is None  # another session has no past to lean on


@pytest.mark.usefixtures("articles")
async def test_a_new_subject_in_the_session_is_searched_for_as_it_was_asked(hub: Hub) -> None:
    await ask(hub, "What is the Quillfeather Observatory?", session="subjects")
    await ask(hub, "When was it founded?", session="subjects")

    cheese = await ask(hub, "How long is Ostrander Cheese ripened?", session="subjects")

    assert cheese.searched_for is None
    assert {citation.title for citation in cheese.citations} == {"Ostrander Cheese"}
    assert "ninety days" in cheese.answer
    back = await ask(hub, "What is it made from?", session="subjects")
    assert back.searched_for == "What is Ostrander Cheese made from?"  # the last subject, not the first
    assert "goats" in back.answer


@pytest.mark.usefixtures("articles")
async def test_what_was_said_before_is_recalled_and_never_answered_with(hub: Hub) -> None:
    said = "Remember that the Vexley lighthouse keeper hides a zinc trumpet below the stairs."
    told = await ask(hub, said, session="told")
    await hub.settle()

    asked = await ask(hub, "What does the Vexley lighthouse keeper hide below the stairs?")

    assert told.id in asked.recalled
    assert asked.outcome is Outcome.ABSTAINED
    assert asked.citations == ()
    assert "trumpet" not in asked.answer
    for answer in (told, asked, await ask(hub, "Where was Marguerite Dunsany born?")):
        assert (answer.outcome is Outcome.ABSTAINED) == (answer.citations == ())
