{%- if cookiecutter.variant == "endpoint" -%}
"""What the module answers."""

from __future__ import annotations

from lumina_sdk.testing import FakeHub, run_module

from {{ cookiecutter.__package }}.app import module

PATH = "/api/v1/{{ cookiecutter.name }}/tea"


async def test_the_articles_that_say_most_about_a_topic_are_named(fake_hub: FakeHub) -> None:
    fake_hub.add_article("Tea", "Tea is a drink made of leaves.")

    async with run_module(module, fake_hub) as running, running.client() as client:
        response = await client.get(PATH)

    assert response.json() == {"topic": "tea", "titles": ["Tea"]}


async def test_whoever_may_not_search_is_refused(fake_hub: FakeHub) -> None:
    async with run_module(module, fake_hub) as running, running.client(scopes=[]) as client:
        response = await client.get(PATH)

    assert response.status_code == 403
    assert response.json()["missing_scope"] == "read:vector_store"


async def test_no_more_articles_are_named_than_the_settings_say(fake_hub: FakeHub) -> None:
    for number in range(3):
        fake_hub.add_article(f"Tea {number}", f"Tea number {number}.")

    async with run_module(module, fake_hub, config={"limit": 2}) as running, running.client() as client:
        response = await client.get(PATH)

    assert len(response.json()["titles"]) == 2
{%- elif cookiecutter.variant == "worker" -%}
"""What the module does with events."""

from __future__ import annotations

from lumina_sdk.testing import FakeHub, run_module

from {{ cookiecutter.__package }}.app import module


async def test_the_last_article_that_was_added_is_kept(fake_hub: FakeHub) -> None:
    async with run_module(module, fake_hub) as running:
        await running.deliver("graph:add", {"source": "Tea"})
        last = await running.deliver("graph:add", {"source": "Coffee"})

        assert await module.hub.storage.get("last_added") == {"event": last.id, "ts": last.ts}


async def test_an_event_that_comes_twice_changes_nothing(fake_hub: FakeHub) -> None:
    async with run_module(module, fake_hub) as running:
        first = await running.deliver("graph:add", {"source": "Tea"}, id="one")
        await running.deliver("graph:add", {"source": "Tea"}, id="one")

        kept = await module.hub.storage.get("last_added")

    assert isinstance(kept, dict)
    assert kept["event"] == first.id
{%- else -%}
"""What the module's job does."""

from __future__ import annotations

from lumina_sdk.testing import FakeHub, run_module

from {{ cookiecutter.__package }}.app import module


async def test_articles_are_counted(fake_hub: FakeHub) -> None:
    for title in ("Tea", "Coffee"):
        fake_hub.add_article(title, f"{title} is a drink.")

    async with run_module(module, fake_hub) as running:
        await running.run_job("count_articles")

        assert await module.hub.storage.get("articles") == 2
{%- endif %}
