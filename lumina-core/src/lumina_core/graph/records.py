"""What a line of the graph's streams means: the events, and how they are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from lumina_core.documents import Article, ArticleId, Redirect
from lumina_core.errors import InvalidInput
from lumina_core.graph.layout import LogPosition

__all__ = [
    "PAGE_LINK",
    "Deletion",
    "Event",
    "EventKind",
    "LinkSet",
    "RecoveryPoint",
    "decode_article",
    "decode_deletion",
    "decode_event",
    "decode_links",
    "decode_recovery_point",
    "decode_redirect",
    "encode_article",
    "encode_deletion",
    "encode_event",
    "encode_links",
    "encode_recovery_point",
    "encode_redirect",
]

PAGE_LINK = "page_link"
"""The relation of the links an article's own text makes. They are part of its `article` event."""

_T = TypeVar("_T")


class EventKind(StrEnum):
    """The `event` field of a line."""

    ARTICLE = "article"  # articles/articles: a revision, whole; the newest one counts
    REDIRECT = "redirect"  # articles/articles
    DELETE = "delete"  # articles/articles
    LINKS = "links"  # links/links
    RECOVERY_POINT = "recovery_point"  # recovery/recovery


@dataclass(frozen=True, slots=True)
class Deletion:
    """An article, or where `id` is None the redirect of that title, is no longer part of the graph."""

    title: str
    source: str
    id: ArticleId | None = None


@dataclass(frozen=True, slots=True)
class LinkSet:
    """Everything one article is related to by one relation other than `page_link`; replaces the set before it.

    `targets` are titles in `target_source`; the empty set removes the relation.
    """

    article: ArticleId
    relation: str
    target_source: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A named state of the graph: everything before these positions (by stream). `at` is epoch seconds."""

    name: str
    at: float
    positions: Mapping[str, LogPosition]
    automatic: bool = False


Event = Article | Redirect | Deletion | LinkSet | RecoveryPoint


def encode_article(article: Article, *, at: float | None = None) -> dict[str, Any]:
    """The line of a revision. `at`, epoch seconds, is when it was appended (`ts` is when it was made)."""
    return _encode(EventKind.ARTICLE, article, at)


def decode_article(record: Mapping[str, Any]) -> Article:
    """Undo `encode_article`. Raises `InvalidInput` for anything else, as the other decoders do."""
    return _decode(record, EventKind.ARTICLE, Article)


def encode_redirect(redirect: Redirect, *, at: float | None = None) -> dict[str, Any]:
    return _encode(EventKind.REDIRECT, redirect, at)


def decode_redirect(record: Mapping[str, Any]) -> Redirect:
    return _decode(record, EventKind.REDIRECT, Redirect)


def encode_deletion(deletion: Deletion, *, at: float | None = None) -> dict[str, Any]:
    return _encode(EventKind.DELETE, deletion, at)


def decode_deletion(record: Mapping[str, Any]) -> Deletion:
    return _decode(record, EventKind.DELETE, Deletion)


def encode_links(links: LinkSet, *, at: float | None = None) -> dict[str, Any]:
    return _encode(EventKind.LINKS, links, at)


def decode_links(record: Mapping[str, Any]) -> LinkSet:
    return _decode(record, EventKind.LINKS, LinkSet)


def encode_recovery_point(point: RecoveryPoint) -> dict[str, Any]:
    return _encode(EventKind.RECOVERY_POINT, point, None)


def decode_recovery_point(record: Mapping[str, Any]) -> RecoveryPoint:
    return _decode(record, EventKind.RECOVERY_POINT, RecoveryPoint)


def encode_event(event: Event, *, at: float | None = None) -> dict[str, Any]:
    """The line of any event; the stream it belongs to is named at `EventKind`."""
    return _encode(_KIND_OF[type(event)], event, at)


def decode_event(record: Mapping[str, Any]) -> Event:
    """The event of a line, by its `event` field. Raises `InvalidInput` where that is missing or unknown."""
    kind = record.get("event")
    if not isinstance(kind, str) or kind not in _TYPE_OF:
        raise InvalidInput(f"{kind!r} is no event of the graph log")
    event: Event = _decode(record, EventKind(kind), _TYPE_OF[kind])
    return event


_TYPE_OF: dict[str, type[Any]] = {
    EventKind.ARTICLE: Article,
    EventKind.REDIRECT: Redirect,
    EventKind.DELETE: Deletion,
    EventKind.LINKS: LinkSet,
    EventKind.RECOVERY_POINT: RecoveryPoint,
}
_KIND_OF = {type_: EventKind(kind) for kind, type_ in _TYPE_OF.items()}


def _encode(kind: EventKind, event: Any, at: float | None) -> dict[str, Any]:
    record: dict[str, Any] = {"event": kind.value}
    if at is not None:
        record["at"] = at
    record.update(msgspec.to_builtins(event))
    return record


def _decode(record: Mapping[str, Any], kind: EventKind, type_: type[_T]) -> _T:
    if record.get("event") != kind:
        raise InvalidInput(f"expected an event {kind.value!r}, found {record.get('event')!r}")
    try:
        return msgspec.convert(record, type_)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise InvalidInput(f"not a sound {kind.value!r} event: {error}") from error
