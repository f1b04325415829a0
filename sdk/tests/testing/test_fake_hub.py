from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

import pytest

from lumina_sdk.client import HubClient
from lumina_sdk.testing import FakeHub
from lumina_sdk.testing.contract import HubContract


class FakeHubUnderTest:
    def __init__(self) -> None:
        self.fake = FakeHub()
        self.clients: list[HubClient] = []

    def client(self, principal: str, scopes: Iterable[str] = ()) -> HubClient:
        self.clients.append(self.fake.client(principal, scopes))
        return self.clients[-1]

    async def later(self, seconds: float) -> None:
        self.fake.clock.advance(seconds)

    def lose_answers(self, number: int = 1) -> None:
        self.fake.lose_answers(number)


class TestFakeHub(HubContract):
    """The fake keeps the promises of a hub."""

    @pytest.fixture
    async def hub(self) -> AsyncGenerator[FakeHubUnderTest]:
        hub = FakeHubUnderTest()
        yield hub
        for client in hub.clients:
            await client.aclose()


async def test_a_canned_answer_is_given() -> None:
    fake = FakeHub()
    fake.knowledge.answers["Who?"] = "Ada."

    assert (await fake.client("user:ada", ["chat"]).ask("Who?")).answer == "Ada."


async def test_articles_put_in_are_found() -> None:
    fake = FakeHub()
    article = fake.add_article("Ada Lovelace", "Ada wrote notes about a machine.")
    fake.add_article("Cats", "Cats sleep.")

    (hit,) = (await fake.client("user:ada", ["read:vector_store"]).search("a machine")).hits

    assert hit.article_id == article


async def test_every_request_is_noted_with_who_made_it() -> None:
    fake = FakeHub()

    await fake.client("module:almanac").storage.put("a", 1)

    assert fake.requests == [("module:almanac", "PUT /api/v1/storage/values/a")]
