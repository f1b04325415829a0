{%- if cookiecutter.variant == "endpoint" -%}
"""The module and its endpoint."""

from __future__ import annotations

from lumina_sdk.app import Caller, Module
from pydantic import BaseModel, Field

__all__ = ["module"]


class Settings(BaseModel):
    """What `config_schema` in the manifest lets the operator set."""

    limit: int = Field(3, ge=1, le=20)


class Articles(BaseModel):
    """Titles, the one that says most first."""

    topic: str
    titles: tuple[str, ...]


module = Module(config=Settings)


@module.endpoint("GET", "/api/v1/{{ cookiecutter.name }}/{topic}")
async def name_articles(topic: str, caller: Caller) -> Articles:
    """Name the articles that say most about a topic."""
    found = await caller.hub.search(topic, limit=module.config.limit)
    titles = tuple(dict.fromkeys(hit.title for hit in found.hits))
    module.log.info("articles_named", count=len(titles))
    return Articles(topic=topic, titles=titles)
{%- elif cookiecutter.variant == "worker" -%}
"""The module and what it does with events."""

from __future__ import annotations

from lumina_sdk.app import Module
from lumina_sdk.contract import Event

__all__ = ["module"]

module = Module()


@module.on("graph:add")
async def note_article(event: Event) -> None:
    """Keep what was added last. An event may come twice; keeping it again changes nothing."""
    await module.hub.storage.put("last_added", {"event": event.id, "ts": event.ts})
    module.log.info("article_noted", event_id=event.id)
{%- else -%}
"""The module and its job."""

from __future__ import annotations

from lumina_sdk.app import Module

__all__ = ["module"]

module = Module()


@module.every(hours=1)
async def count_articles() -> None:
    """Keep how many articles there are."""
    page = await module.hub.graph.articles(limit=200)
    count = len(page.articles)
    while page.after is not None:
        page = await module.hub.graph.articles(limit=200, after=page.after)
        count += len(page.articles)
    await module.hub.storage.put("articles", count)
    module.log.info("articles_counted", count=count)
{%- endif %}
