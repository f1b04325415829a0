"""The graph's rows and events on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from lumina_core.documents import Article, Section, article_id, fingerprint, normalise_title
from lumina_core.graph.catalogue import ArticleRow, Link, RevisionRow
from lumina_core.graph.graph import RestoreResult as CoreRestoreResult
from lumina_core.graph.history import Change
from lumina_core.graph.layout import Entry
from lumina_core.graph.records import RecoveryPoint as CoreRecoveryPoint
from lumina_core.ingest.blocks import summarise
from lumina_hub.auth.principal import Principal
from lumina_sdk.contract import (
    ArticleDetail,
    ArticleRevision,
    ArticleSection,
    ArticleSummary,
    GraphChange,
    GraphLogEntry,
    LinkOut,
    LogKind,
    NewArticle,
    RecoveryPoint,
    RestoreResult,
)

__all__ = [
    "article_in",
    "change_out",
    "detail_out",
    "incoming_out",
    "is_own",
    "log_entry_out",
    "outgoing_out",
    "point_out",
    "restore_out",
    "revisions_out",
    "source_of",
    "summary_out",
]


def source_of(principal: Principal, name: str) -> str:
    """The source of what a principal adds: itself, or `<itself>.<name>`."""
    return f"{principal.id}.{name}" if name else principal.id


def is_own(principal: Principal, source: str) -> bool:
    """Whether the principal added what is of that source."""
    return source == principal.id or source.startswith(f"{principal.id}.")


def article_in(new: NewArticle, source: str, *, now: float) -> Article:
    """An article without headings: one section, which is the whole text."""
    text = new.text.strip()
    sections = (Section("", 1, (), 0, len(text)),)
    digest = fingerprint(text)
    return Article(
        id=article_id(source, new.name),
        title=normalise_title(new.title),
        url=new.url,
        source=source,
        revision=new.revision or digest,
        ts=now if new.ts is None else new.ts,
        text=text,
        summary=new.summary or summarise(text, sections),
        fingerprint=digest,
        sections=sections,
        links=tuple(dict.fromkeys(new.links)),
        categories=tuple(dict.fromkeys(new.categories)),
        wikidata=new.wikidata,
    )


def summary_out(row: ArticleRow) -> ArticleSummary:
    return ArticleSummary(
        id=row.id,
        title=row.title,
        url=row.url,
        source=row.source,
        revision=row.revision,
        ts=row.ts,
        wikidata=row.wikidata,
        pagerank=row.pagerank,
    )


def detail_out(article: Article, pagerank: float | None) -> ArticleDetail:
    return ArticleDetail(
        id=article.id,
        title=article.title,
        url=article.url,
        source=article.source,
        revision=article.revision,
        ts=article.ts,
        wikidata=article.wikidata,
        pagerank=pagerank,
        summary=article.summary,
        fingerprint=article.fingerprint,
        text=article.text,
        sections=tuple(
            ArticleSection(heading=part.heading, level=part.level, path=part.path, start=part.start, end=part.end)
            for part in article.sections
        ),
        links=article.links,
        categories=article.categories,
    )


def revisions_out(rows: Sequence[RevisionRow]) -> tuple[ArticleRevision, ...]:
    return tuple(
        ArticleRevision(
            revision=row.revision,
            ts=row.ts,
            current=number == len(rows) and row.event == "article",
            event=cast(Literal["article", "delete"], row.event),
            title=row.title,
            at=row.at,
        )
        for number, row in enumerate(rows, 1)
    )


def outgoing_out(link: Link) -> LinkOut:
    return LinkOut(id=link.target, title=link.title, relations=link.relations)


def incoming_out(link: Link, title: str) -> LinkOut:
    """`title` is the linking article's: `link.title` is what it calls the article it links to."""
    return LinkOut(id=link.source, title=title, relations=link.relations)


def point_out(point: CoreRecoveryPoint) -> RecoveryPoint:
    return RecoveryPoint(name=point.name, ts=point.at, automatic=point.automatic)


def restore_out(result: CoreRestoreResult) -> RestoreResult:
    return RestoreResult(restored=result.restored, deleted=result.removed, undo=result.undo)


def change_out(change: Change) -> GraphChange:
    return GraphChange(
        kind=change.kind.value,
        what=change.what,
        id=change.id,
        title=change.title,
        before=change.before,
        after=change.after,
    )


def log_entry_out(kind: LogKind, entry: Entry) -> GraphLogEntry:
    record = entry.record
    return GraphLogEntry(
        kind=kind,
        day=entry.day,
        offset=entry.end,
        event=str(record.get("event", "unknown")),
        id=_text(record.get("id") or record.get("article")),
        title=_text(record.get("title") or record.get("name") or record.get("relation")),
        revision=_text(record.get("target") or record.get("revision")),
        ts=_number(record.get("at") or record.get("ts")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
