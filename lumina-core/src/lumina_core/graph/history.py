"""What changed in the graph between two states of the log."""

# ruff: noqa: S608 - only constants of ours are put into queries, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lumina_core.documents import ArticleId, Redirect
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.layout import ARTICLES, LINKS, LogPosition
from lumina_core.graph.reader import read_entry
from lumina_core.graph.records import Deletion, Event, LinkSet, decode_article, decode_links

__all__ = ["Change", "ChangeKind", "changes_between", "target_event"]

_Place = tuple[str, int, int]


class ChangeKind(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One article, redirect or set of links that is not the same in two states.

    `id` is the article's (of links: the one they leave from), None for a redirect. `before` and `after` are what a
    reader tells states apart by: a revision's name, a redirect's target, a relation's name; None for absent.
    `place` says where the later state's line lies in the log, None where it has none.
    """

    kind: ChangeKind
    what: str
    id: ArticleId | None
    title: str
    source: str
    before: str | None
    after: str | None
    place: _Place | None = None
    redirect: Redirect | None = None
    relation: str | None = None


def changes_between(
    catalogue: Catalogue, before: Mapping[str, LogPosition], after: Mapping[str, LogPosition]
) -> Iterator[Change]:
    """The changes that lead from one state to the other, in constant memory; `after` may lie before `before`.

    A state is a position in each stream, as a recovery point holds it; a stream that is missing was empty.
    """
    with catalogue.reading() as connection:
        connection.execute("BEGIN")
        yield from _articles(catalogue, connection, before.get(ARTICLES), after.get(ARTICLES))
        yield from _redirects(connection, before.get(ARTICLES), after.get(ARTICLES))
        yield from _links(catalogue, connection, before.get(LINKS), after.get(LINKS))


def target_event(catalogue: Catalogue, change: Change) -> Event:
    """The event that, appended, brings about the later state of a change."""
    if change.what == "article":
        if change.place is None:
            return Deletion(change.title, change.source, change.id)
        return decode_article(_record(catalogue, ARTICLES, change.place))
    if change.what == "redirect":
        return change.redirect or Deletion(change.title, change.source)
    if change.place is not None:
        return decode_links(_record(catalogue, LINKS, change.place))
    assert change.id is not None and change.relation is not None  # noqa: S101, PT018 - so _links makes them
    return LinkSet(change.id, change.relation, change.source, ())


def _articles(
    catalogue: Catalogue, connection: sqlite3.Connection, before: LogPosition | None, after: LogPosition | None
) -> Iterator[Change]:
    touched = connection.execute(
        "SELECT DISTINCT a.key, a.id, a.source FROM revisions AS r JOIN articles AS a ON a.key = r.article"
        " WHERE (r.day, r.start) >= (?, ?) AND (r.day, r.start) < (?, ?) ORDER BY a.id",
        _range(before, after),
    )
    columns = "event, title, revision, fingerprint, day, start, end"
    for key, article_id, source in touched:
        was = _state(connection, f"SELECT {columns} FROM revisions WHERE article = ?", (key,), before)
        now = _state(connection, f"SELECT {columns} FROM revisions WHERE article = ?", (key,), after)
        was = None if was is None or was[0] == "delete" else was
        now = None if now is None or now[0] == "delete" else now
        if was == now or (was and now and was[1:4] == now[1:4] and _same(catalogue, ARTICLES, was[4:], now[4:])):
            continue
        title = (now or was or ("", ""))[1]
        yield Change(_kind(was, now), "article", article_id, title, source, _at(was, 2), _at(now, 2), now and now[4:])


def _redirects(
    connection: sqlite3.Connection, before: LogPosition | None, after: LogPosition | None
) -> Iterator[Change]:
    touched = connection.execute(
        "SELECT DISTINCT n.id, n.name, s.name FROM redirects AS r JOIN names AS n ON n.id = r.name"
        " JOIN sources AS s ON s.id = n.source"
        " WHERE (r.day, r.start) >= (?, ?) AND (r.day, r.start) < (?, ?) ORDER BY n.name, n.id",
        _range(before, after),
    )
    for key, title, source in touched:
        was = _state(connection, "SELECT target, revision, ts FROM redirects WHERE name = ?", (key,), before)
        now = _state(connection, "SELECT target, revision, ts FROM redirects WHERE name = ?", (key,), after)
        was = None if was is None or was[0] is None else was
        now = None if now is None or now[0] is None else now
        if was != now:
            redirect = Redirect(title, now[0], source, now[1], now[2]) if now else None
            yield Change(_kind(was, now), "redirect", None, title, source, _at(was, 0), _at(now, 0), redirect=redirect)


def _links(
    catalogue: Catalogue, connection: sqlite3.Connection, before: LogPosition | None, after: LogPosition | None
) -> Iterator[Change]:
    touched = connection.execute(
        "SELECT DISTINCT k.article, k.relation, k.target_source, a.id, coalesce(a.title, ''), rel.name, s.name"
        " FROM link_sets AS k JOIN articles AS a ON a.key = k.article JOIN relations AS rel ON rel.id = k.relation"
        " JOIN sources AS s ON s.id = k.target_source"
        " WHERE (k.day, k.start) >= (?, ?) AND (k.day, k.start) < (?, ?) ORDER BY a.id, rel.name, s.name",
        _range(before, after),
    )
    query = "SELECT day, start, end, size FROM link_sets WHERE article = ? AND relation = ? AND target_source = ?"
    for article, relation, target_source, article_id, title, relation_name, source in touched:
        key = (article, relation, target_source)
        was = _state(connection, query, key, before)
        now = _state(connection, query, key, after)
        was = None if was is None or was[3] == 0 else was
        now = None if now is None or now[3] == 0 else now
        if was == now or (was and now and _same(catalogue, LINKS, was[:3], now[:3])):
            continue
        yield Change(
            _kind(was, now), "links", article_id, title, source, relation_name if was else None,
            relation_name if now else None, now and now[:3], relation=relation_name,
        )  # fmt: skip


def _range(before: LogPosition | None, after: LogPosition | None) -> tuple[str, int, str, int]:
    places = sorted(("", 0) if position is None else (position.day, position.offset) for position in (before, after))
    return (*places[0], *places[1])


def _state(
    connection: sqlite3.Connection, query: str, key: tuple[int, ...], at: LogPosition | None
) -> tuple[Any, ...] | None:
    if at is None:
        return None
    row: tuple[Any, ...] | None = connection.execute(
        f"{query} AND (day, start) < (?, ?) ORDER BY day DESC, start DESC LIMIT 1", (*key, at.day, at.offset)
    ).fetchone()
    return row


def _kind(was: object, now: object) -> ChangeKind:
    if was is None:
        return ChangeKind.ADDED
    return ChangeKind.REMOVED if now is None else ChangeKind.CHANGED


def _at(state: tuple[Any, ...] | None, column: int) -> str | None:
    return None if state is None else state[column]


def _same(catalogue: Catalogue, stream: str, one: _Place, other: _Place) -> bool:
    first, second = (_record(catalogue, stream, place) for place in (one, other))
    passing = {"at", "replaced"}
    return {k: v for k, v in first.items() if k not in passing} == {k: v for k, v in second.items() if k not in passing}


def _record(catalogue: Catalogue, stream: str, place: _Place) -> dict[str, Any]:
    return read_entry(catalogue.log_root, stream, *place).record
