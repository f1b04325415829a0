"""The knowledge graph, for the routes. Reading the log and the catalogue happens in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import islice

from starlette.concurrency import iterate_in_threadpool

from lumina_core.errors import NotFound
from lumina_core.graph.catalogue import ArticleRow
from lumina_core.graph.export import export_node_link
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.layout import ARTICLES, LINKS, RECOVERY, Entry
from lumina_core.graph.reader import CorruptLine, read_entry, read_log_backwards
from lumina_core.graph.records import LinkSet
from lumina_hub.auth.principal import Principal
from lumina_hub.graph.schemas import (
    article_in,
    change_out,
    detail_out,
    incoming_out,
    is_own,
    log_entry_out,
    outgoing_out,
    point_out,
    restore_out,
    revisions_out,
    source_of,
    summary_out,
)
from lumina_sdk.contract import (
    AddArticles,
    AddedArticle,
    ArticleDetail,
    ArticleDiff,
    ArticleLinks,
    ArticleRevisions,
    Articles,
    ArticlesAdded,
    GraphChanges,
    GraphLogEntries,
    LogKind,
    PutLinks,
    RecoveryPoint,
    RecoveryPoints,
    RestoreResult,
    Scope,
)

__all__ = ["GraphService"]

_STREAMS = {LogKind.ARTICLES: ARTICLES, LogKind.LINKS: LINKS, LogKind.RECOVERY: RECOVERY}


class GraphService:
    """What the graph holds and held. `on_change` is called after every change, on the event loop."""

    def __init__(self, graph: KnowledgeGraph, *, on_change: Callable[[], None]) -> None:
        self._graph = graph
        self._catalogue = graph.catalogue
        self._on_change = on_change

    async def articles(self, *, title: str | None, limit: int, after: str | None) -> Articles:
        if title is not None:
            rows = await asyncio.to_thread(self._by_title, title, limit)
            return Articles(articles=tuple(summary_out(row) for row in rows))
        rows = await asyncio.to_thread(self._catalogue.articles, after=after or "", limit=limit + 1)
        following = rows[limit - 1].id if len(rows) > limit else None
        return Articles(articles=tuple(summary_out(row) for row in rows[:limit]), after=following)

    async def article(self, article_id: str, revision: str | None) -> ArticleDetail:
        """Raises `NotFound`."""

        def read() -> ArticleDetail:
            article = self._catalogue.read_article(article_id, revision)
            row = self._catalogue.get(article_id)
            return detail_out(article, row.pagerank if row is not None else None)

        return await asyncio.to_thread(read)

    async def revisions(self, article_id: str) -> ArticleRevisions:
        """Raises `NotFound`."""
        rows = await asyncio.to_thread(self._catalogue.revisions, article_id)
        return ArticleRevisions(article=article_id, revisions=revisions_out(rows))

    async def links(self, article_id: str) -> ArticleLinks:
        """Raises `NotFound`."""

        def read() -> ArticleLinks:
            self._existing(article_id)
            incoming = self._catalogue.links_to(article_id)
            titles = {link.source: self._title_of(link.source) for link in incoming}
            return ArticleLinks(
                article=article_id,
                links_from=tuple(outgoing_out(link) for link in self._catalogue.links_from(article_id)),
                links_to=tuple(incoming_out(link, titles[link.source]) for link in incoming),
            )

        return await asyncio.to_thread(read)

    async def diff(self, article_id: str, from_revision: str | None, to_revision: str | None) -> ArticleDiff:
        """Raises `NotFound`; also where there is nothing before `to_revision` to compare with."""

        def read() -> ArticleDiff:
            names = [row.revision for row in self._catalogue.revisions(article_id) if row.event == "article"]
            to = to_revision or (names[-1] if names else "")
            before = from_revision or _before(names, to)
            if before is None:
                raise NotFound(f"article {article_id!r} has nothing before revision {to!r} to compare it with")
            text = self._graph.diff(article_id, before, to)
            return ArticleDiff(article=article_id, from_revision=before, to_revision=to, diff=text)

        return await asyncio.to_thread(read)

    async def changes(self, before: str, after: str | None, *, limit: int) -> GraphChanges:
        """Raises `NotFound`."""

        def read() -> GraphChanges:
            found = list(islice(self._graph.changes(before, after), limit + 1))
            changes = tuple(change_out(change) for change in found[:limit])
            return GraphChanges(changes=changes, complete=len(found) <= limit)

        return await asyncio.to_thread(read)

    async def restore_article(self, article_id: str, revision: str) -> RestoreResult:
        """Raises `NotFound`."""
        result = await asyncio.to_thread(self._graph.restore_article, article_id, revision)
        self._on_change()
        return restore_out(result)

    async def recovery_points(self) -> RecoveryPoints:
        points = await asyncio.to_thread(self._graph.recovery_points)
        return RecoveryPoints(points=tuple(point_out(point) for point in points))

    async def add_recovery_point(self, name: str) -> RecoveryPoint:
        """Raises `Conflict` where the name is taken, `InvalidInput` where it cannot be one."""
        return point_out(await asyncio.to_thread(self._graph.add_recovery_point, name))

    async def restore_to_point(self, point: str) -> RestoreResult:
        """Raises `NotFound`."""
        result = await asyncio.to_thread(self._graph.restore, point)
        self._on_change()
        return restore_out(result)

    async def add(self, request: AddArticles, principal: Principal) -> ArticlesAdded:
        """Add articles of the caller's own source. They are on the disk once this returns.

        Raises:
            StorageFull: there is no room; none was kept.
        """
        articles = [article_in(new, source_of(principal, new.source), now=time.time()) for new in request.articles]

        def add() -> list[bool]:
            news = []
            for article in articles:
                result = self._graph.add([article])
                news.append(bool(result.added or result.changed))
            return news

        news = await asyncio.to_thread(add)
        self._on_change()
        return ArticlesAdded(
            articles=tuple(
                AddedArticle(id=article.id, revision=article.revision, new=new)
                for article, new in zip(articles, news, strict=True)
            )
        )

    async def delete(self, article_id: str, principal: Principal) -> None:
        """Take an article out of the graph; its revisions stay in the log.

        Raises:
            NotFound: there is none.
            MissingScope: another than the caller added it, and the caller does not operate the hub.
        """
        row = await asyncio.to_thread(self._existing, article_id)
        if not is_own(principal, row.source):
            principal.demand(Scope.ADMIN_HUB)
        await asyncio.to_thread(self._graph.delete, article_id)
        self._on_change()

    async def relate(self, article_id: str, request: PutLinks) -> None:
        """Replace what an article is related to by one relation. Raises `NotFound` and `InvalidInput`."""

        def relate() -> None:
            row = self._existing(article_id)
            targets = tuple(dict.fromkeys(request.targets))
            self._graph.relate([LinkSet(row.id, request.relation, row.source, targets)])

        await asyncio.to_thread(relate)
        self._on_change()

    def export(self) -> AsyncIterator[bytes]:
        return iterate_in_threadpool(export_node_link(self._catalogue))

    async def log(self, *, kind: LogKind, limit: int, article: str | None) -> GraphLogEntries:
        """Raises `NotFound` for an unknown article."""
        read = self._latest if article is None else self._life
        entries = await asyncio.to_thread(read, _STREAMS[kind], limit, article)
        return GraphLogEntries(entries=tuple(log_entry_out(kind, entry) for entry in entries))

    def _by_title(self, title: str, limit: int) -> list[ArticleRow]:
        exact = self._catalogue.find_title(title)
        rows = self._catalogue.search_titles(title, limit) if title.strip() else []
        first = [exact] if exact is not None else []
        return [*first, *(row for row in rows if exact is None or row.id != exact.id)][:limit]

    def _existing(self, article_id: str) -> ArticleRow:
        row = self._catalogue.get(article_id)
        if row is None:
            raise NotFound(f"there is no article {article_id!r}", hint="`lumina graph log` lists what there was.")
        return row

    def _title_of(self, article_id: str) -> str:
        row = self._catalogue.get(article_id)
        return row.title if row is not None else article_id

    def _latest(self, stream: str, limit: int, article: str | None) -> list[Entry]:
        return list(islice(read_log_backwards(self._catalogue.log_root, stream, on_corrupt=_pass_over), limit))

    def _life(self, stream: str, limit: int, article: str | None) -> list[Entry]:
        if stream != ARTICLES or article is None:
            return []
        rows = reversed(self._catalogue.revisions(article))
        root = self._catalogue.log_root
        return [read_entry(root, stream, row.day, row.start, row.end) for row in islice(rows, limit)]


def _before(names: list[str], revision: str) -> str | None:
    """The revision that stood before the last one of that name."""
    earlier = names[: len(names) - 1 - names[::-1].index(revision)] if revision in names else []
    return next((name for name in reversed(earlier) if name != revision), None)


def _pass_over(error: CorruptLine) -> None:
    """The catalogue has reported it already."""
