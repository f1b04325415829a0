"""The knowledge graph, for the routes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lumina_hub.errors import NotReady
from lumina_sdk.contract import (
    ArticleDetail,
    ArticleDiff,
    ArticleLinks,
    ArticleRevisions,
    Articles,
    GraphLogEntries,
    LogKind,
    RecoveryPoint,
    RecoveryPoints,
    RestoreResult,
)

__all__ = ["GraphService"]


class GraphService:
    """The knowledge graph, for the routes."""

    async def articles(self, *, title: str | None, limit: int, after: str | None) -> Articles:
        raise NotReady

    async def article(self, article_id: str, revision: str | None) -> ArticleDetail:
        raise NotReady

    async def revisions(self, article_id: str) -> ArticleRevisions:
        raise NotReady

    async def links(self, article_id: str) -> ArticleLinks:
        raise NotReady

    async def diff(self, article_id: str, from_revision: str | None, to_revision: str | None) -> ArticleDiff:
        raise NotReady

    async def restore_article(self, article_id: str, revision: str) -> ArticleDetail:
        raise NotReady

    async def recovery_points(self) -> RecoveryPoints:
        raise NotReady

    async def add_recovery_point(self, name: str) -> RecoveryPoint:
        raise NotReady

    async def restore_to_point(self, point: str) -> RestoreResult:
        raise NotReady

    def export(self) -> AsyncIterator[bytes]:
        raise NotReady

    async def log(self, *, kind: LogKind, limit: int, article: str | None) -> GraphLogEntries:
        raise NotReady
