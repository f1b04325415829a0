"""The knowledge graph: articles, revisions, links, recovery points and the log itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.graph.service import GraphService
from lumina_hub.parts import graph_service
from lumina_sdk.contract import (
    AddArticles,
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
    RecoveryPointRequest,
    RecoveryPoints,
    RestoreArticleRequest,
    RestoreResult,
    RestoreToPointRequest,
    Scope,
)

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["graph"])
GraphRead = Annotated[Principal, requires(Scope.READ_GRAPH)]
GraphWrite = Annotated[Principal, requires(Scope.WRITE_GRAPH)]
Graph = Annotated[GraphService, Depends(graph_service)]
_ARTICLE = "/api/v1/graph/articles/{article_id}"


@router.get("/api/v1/graph/articles")
async def list_articles(
    principal: GraphRead,
    graph: Graph,
    title: Annotated[str | None, Query(description="A title, or how it begins; redirects count.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    after: Annotated[str | None, Query(description="The `after` of the page ahead of this one.")] = None,
) -> Articles:
    """List articles by title. One of exactly that title, also by a redirect, comes first."""
    return await graph.articles(title=title, limit=limit, after=after)


@router.post("/api/v1/graph/articles")
async def add_articles(request: AddArticles, principal: GraphWrite, graph: Graph) -> ArticlesAdded:
    """Add articles of the caller's own source. They are on the disk when this answers, and found once the index has
    followed, which the event `graph:add` tells. A revision that is there already is passed over."""
    return await graph.add(request, principal)


@router.get(_ARTICLE)
async def read_article(
    article_id: str, principal: GraphRead, graph: Graph, revision: str | None = None
) -> ArticleDetail:
    """Return an article with its text, in its newest revision or the one named."""
    return await graph.article(article_id, revision)


@router.get(_ARTICLE + "/revisions")
async def list_revisions(article_id: str, principal: GraphRead, graph: Graph) -> ArticleRevisions:
    """List an article's revisions."""
    return await graph.revisions(article_id)


@router.get(_ARTICLE + "/links")
async def list_links(article_id: str, principal: GraphRead, graph: Graph) -> ArticleLinks:
    """List what an article links to and what links to it."""
    return await graph.links(article_id)


@router.put(_ARTICLE + "/links", status_code=204)
async def put_links(article_id: str, request: PutLinks, principal: GraphWrite, graph: Graph) -> None:
    """Replace what an article is related to by one relation other than `page_link`."""
    await graph.relate(article_id, request)


@router.delete(_ARTICLE, status_code=204)
async def delete_article(article_id: str, principal: GraphWrite, graph: Graph) -> None:
    """Take an article out of the graph; its revisions stay. What another added takes `admin:hub` too."""
    await graph.delete(article_id, principal)


@router.get(_ARTICLE + "/diff")
async def diff_revisions(
    article_id: str,
    principal: GraphRead,
    graph: Graph,
    from_revision: Annotated[str | None, Query(alias="from", description="Unset: the one before `to`.")] = None,
    to_revision: Annotated[str | None, Query(alias="to", description="Unset: the newest.")] = None,
) -> ArticleDiff:
    """Compare two revisions of an article."""
    return await graph.diff(article_id, from_revision, to_revision)


@router.post(_ARTICLE + "/restore")
async def restore_article(
    article_id: str, request: RestoreArticleRequest, principal: GraphWrite, graph: Graph
) -> RestoreResult:
    """Make an old revision the newest. Nothing is lost: the one it replaces stays."""
    return await graph.restore_article(article_id, request.revision)


@router.get("/api/v1/graph/recovery-points")
async def list_recovery_points(principal: GraphRead, graph: Graph) -> RecoveryPoints:
    """List the states that were given a name."""
    return await graph.recovery_points()


@router.post("/api/v1/graph/recovery-points", status_code=201)
async def add_recovery_point(request: RecoveryPointRequest, principal: GraphWrite, graph: Graph) -> RecoveryPoint:
    """Give the present state a name. A name that is taken is a 409."""
    return await graph.add_recovery_point(request.name)


@router.post("/api/v1/graph/restore")
async def restore_to_point(request: RestoreToPointRequest, principal: GraphWrite, graph: Graph) -> RestoreResult:
    """Bring every article back to its revision at a recovery point. Nothing is lost: later revisions stay."""
    return await graph.restore_to_point(request.point)


@router.get("/api/v1/graph/changes")
async def list_changes(
    principal: GraphRead,
    graph: Graph,
    before: Annotated[str, Query(alias="from", description="A recovery point.")],
    after: Annotated[str | None, Query(alias="to", description="A recovery point. Unset: the present.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> GraphChanges:
    """Say what was added, changed and removed from one recovery point to another."""
    return await graph.changes(before, after, limit=limit)


@router.get("/api/v1/graph/export", response_class=StreamingResponse)
async def export_graph(principal: GraphRead, graph: Graph) -> StreamingResponse:
    """Send the whole graph as node-link JSON, piece by piece."""
    return StreamingResponse(
        graph.export(),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="lumina-graph.json"'},
    )


@router.get("/api/v1/graph/log")
async def read_log(
    principal: GraphRead,
    graph: Graph,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    kind: LogKind = LogKind.ARTICLES,
    article: Annotated[str | None, Query(description="Only events of this article id.")] = None,
) -> GraphLogEntries:
    """List the latest events of the graph log, newest first."""
    return await graph.log(kind=kind, limit=limit, article=article)
