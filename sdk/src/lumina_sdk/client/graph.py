"""Articles, links and revisions. Reading needs `read:graph`, changing `write:graph`."""

from __future__ import annotations

from lumina_sdk.client.connection import Connection
from lumina_sdk.client.paths import part
from lumina_sdk.contract import (
    AddArticles,
    ArticleDetail,
    ArticleDiff,
    ArticleLinks,
    ArticleRevisions,
    Articles,
    ArticlesAdded,
    NewArticle,
    PutLinks,
    RestoreArticleRequest,
    RestoreResult,
)

__all__ = ["GraphApi"]

_ARTICLES = "/api/v1/graph/articles"


class GraphApi:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def articles(self, *, title: str | None = None, limit: int = 50, after: str | None = None) -> Articles:
        """A page of articles; with `title` those of that title, or beginning so."""
        params = {"title": title, "limit": limit, "after": after}
        return await self._connection.ask(Articles, "GET", _ARTICLES, params=params)

    async def article(self, article_id: str, *, revision: str | None = None) -> ArticleDetail:
        """An article with its text, in its newest revision or the one named. Raises `NotFound`."""
        path = f"{_ARTICLES}/{part(article_id)}"
        return await self._connection.ask(ArticleDetail, "GET", path, params={"revision": revision})

    async def revisions(self, article_id: str) -> ArticleRevisions:
        """An article's states, oldest first."""
        return await self._connection.ask(ArticleRevisions, "GET", f"{_ARTICLES}/{part(article_id)}/revisions")

    async def links(self, article_id: str) -> ArticleLinks:
        """What an article links to, and what links to it."""
        return await self._connection.ask(ArticleLinks, "GET", f"{_ARTICLES}/{part(article_id)}/links")

    async def diff(self, article_id: str, *, before: str | None = None, after: str | None = None) -> ArticleDiff:
        """Two revisions compared; by default the newest with the one ahead of it."""
        params = {"from": before, "to": after}
        return await self._connection.ask(ArticleDiff, "GET", f"{_ARTICLES}/{part(article_id)}/diff", params=params)

    async def add(self, *articles: NewArticle) -> ArticlesAdded:
        """Keep articles, or new states of them; they are on disk when this returns, and found a little later."""
        return await self._connection.ask(ArticlesAdded, "POST", _ARTICLES, AddArticles(articles=articles))

    async def delete(self, article_id: str) -> None:
        """Take an article out of the graph; its revisions stay in the log. Raises `NotFound`."""
        await self._connection.send("DELETE", f"{_ARTICLES}/{part(article_id)}")

    async def relate(self, article_id: str, relation: str, *titles: str) -> None:
        """Say what an article is related to by one relation; it replaces what was there."""
        body = PutLinks(relation=relation, targets=titles)
        await self._connection.send("PUT", f"{_ARTICLES}/{part(article_id)}/links", body)

    async def restore(self, article_id: str, revision: str) -> RestoreResult:
        """Make an old revision the newest."""
        path = f"{_ARTICLES}/{part(article_id)}/restore"
        return await self._connection.ask(RestoreResult, "POST", path, RestoreArticleRequest(revision=revision))
