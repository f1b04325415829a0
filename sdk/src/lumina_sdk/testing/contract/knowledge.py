"""Articles, search, answers and turns."""

from __future__ import annotations

import pytest

from lumina_sdk.contract import ChatAnswer, ChatStart, NewArticle, NewTurn, Outcome
from lumina_sdk.errors import NotFound
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["KnowledgeContract"]

SCOPES = ("read:graph", "write:graph", "chat", "read:chat_history", "write:chat_history", "read:vector_store")
ADA = NewArticle(
    name="ada",
    title="Ada Lovelace",
    text="Ada Lovelace wrote notes.\n\nThey describe a machine.",
    url="https://a.example/ada",
    links=("Charles Babbage",),
    wikidata="Q7259",
)


class KnowledgeContract:
    async def test_an_article_is_kept_as_it_was_added(self, hub: HubUnderTest) -> None:
        graph = hub.client("module:tested", SCOPES).graph

        (added,) = (await graph.add(ADA)).articles
        kept = await graph.article(added.id)

        assert added.new
        assert (kept.id, kept.revision) == (added.id, added.revision)
        assert (kept.title, kept.text, kept.url, kept.wikidata) == (ADA.title, ADA.text, ADA.url, ADA.wikidata)
        assert kept.source.startswith("module:tested")
        assert [one.id for one in (await graph.articles(title="Ada Lovelace")).articles] == [added.id]

    async def test_the_same_state_is_not_added_twice_and_another_is_a_revision(self, hub: HubUnderTest) -> None:
        graph = hub.client("module:tested", SCOPES).graph
        (first,) = (await graph.add(ADA)).articles
        (same,) = (await graph.add(ADA)).articles
        (other,) = (await graph.add(ADA.model_copy(update={"text": "Ada Lovelace wrote a program."}))).articles

        assert (same.new, other.new) == (False, True)
        assert first.id == same.id == other.id
        assert [one.revision for one in (await graph.revisions(first.id)).revisions] == [first.revision, other.revision]
        assert "+Ada Lovelace wrote a program." in (await graph.diff(first.id)).diff
        await graph.restore(first.id, first.revision)
        assert (await graph.article(first.id)).text == ADA.text

    async def test_articles_of_two_modules_are_two_articles(self, hub: HubUnderTest) -> None:
        (mine,) = (await hub.client("module:tested", SCOPES).graph.add(ADA)).articles
        (theirs,) = (await hub.client("module:other", SCOPES).graph.add(ADA)).articles

        assert mine.id != theirs.id

    async def test_links_are_said_replaced_and_removed(self, hub: HubUnderTest) -> None:
        graph = hub.client("module:tested", SCOPES).graph
        babbage = NewArticle(name="cb", title="Charles Babbage", text="Charles Babbage built machines.")
        ada, cb = (await graph.add(ADA, babbage)).articles
        await graph.relate(cb.id, "semantic", "Ada Lovelace", "Mathematics")

        links = await graph.links(cb.id)
        assert {(link.id, link.title, link.relations) for link in links.links_from} == {
            (ada.id, "Ada Lovelace", ("semantic",)),
            (None, "Mathematics", ("semantic",)),
        }
        assert [(link.id, link.relations) for link in links.links_to] == [(ada.id, ("page_link",))]
        await graph.relate(cb.id, "semantic")
        assert (await graph.links(cb.id)).links_from == ()

    async def test_an_article_that_was_deleted_is_not_there(self, hub: HubUnderTest) -> None:
        graph = hub.client("module:tested", SCOPES).graph
        (added,) = (await graph.add(ADA)).articles

        await graph.delete(added.id)

        for call in (graph.article(added.id), graph.links(added.id)):
            with pytest.raises(NotFound):
                await call
        with pytest.raises(NotFound):
            await graph.delete("art_000000000000")

    async def test_a_question_is_answered_and_kept_as_a_turn(self, hub: HubUnderTest) -> None:
        client = hub.client("user:ada", SCOPES)

        answer = await client.ask("What is nobody's business?", session="alpha")
        turn = await client.turns.get(answer.id)

        assert (turn.user, turn.assistant, turn.session) == (answer.query, answer.answer, "alpha")
        assert [one.id for one in (await client.turns.list(session="alpha")).turns] == [answer.id]
        assert [one.id for one in (await client.turns.sessions()).sessions] == ["alpha"]
        assert (await client.turns.mark(answer.id, "up")).value == "up"
        assert (await client.turns.get(answer.id)).feedback == "up"

    async def test_the_pieces_of_an_answer_are_the_answer(self, hub: HubUnderTest) -> None:
        client = hub.client("user:ada", SCOPES)

        start, *deltas, done = [piece async for piece in client.ask_in_pieces("What is nobody's business?")]

        assert isinstance(start, ChatStart)
        assert isinstance(done, ChatAnswer)
        assert start.id == done.id
        assert "".join(delta.text for delta in deltas) == done.answer  # type: ignore[union-attr]

    async def test_a_turn_from_elsewhere_is_remembered_and_is_its_owners(self, hub: HubUnderTest) -> None:
        mine, theirs = hub.client("module:tested", SCOPES), hub.client("module:other", SCOPES)
        new = NewTurn(session="s", user="Is it?", assistant="It is.", outcome=Outcome.PARTIAL, confidence=0.5)

        turn = await mine.turns.add(new)

        assert (await mine.turns.get(turn.id)).outcome is Outcome.PARTIAL
        for call in (theirs.turns.get(turn.id), theirs.turns.mark(turn.id, "up"), theirs.turns.list(session="s")):
            with pytest.raises(NotFound):
                await call
