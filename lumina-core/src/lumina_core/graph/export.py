"""The graph as node-link JSON, in constant memory."""

# ruff: noqa: S608 - only constants of ours are put into queries, every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec

from lumina_core.documents import article_id
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.catalogue_schema import RESOLVE_COLUMN, RESOLVE_JOINS

__all__ = ["export_node_link"]

_CHUNK_BYTES = 64 * 1024
_encode = msgspec.json.Encoder().encode


def export_node_link(catalogue: Catalogue, *, include_missing: bool = False) -> Iterator[bytes]:
    """Write every live article as a node and every link between them once, with all its relations.

    Targets are resolved through redirects; a link of an article to itself is left out. The pieces together are one
    JSON object, one node or link a line, and one consistent state of the graph however long the reading takes.

    Args:
        catalogue: Where the graph is looked up.
        include_missing: Also write nodes, with `"missing": true`, for titles that are only linked to.
    """
    with catalogue.reading() as connection:
        connection.execute("BEGIN")
        yield from _chunked(_pieces(connection, include_missing))


def _pieces(connection: sqlite3.Connection, include_missing: bool) -> Iterator[bytes]:
    (articles,) = connection.execute("SELECT value FROM counters WHERE name = 'articles'").fetchone()
    about = {"name": "Lumina", "exported_at": datetime.now(UTC).isoformat(timespec="seconds"), "articles": articles}
    yield b'{"directed":true,"multigraph":false,"graph":' + _encode(about) + b',\n"nodes":['
    yield from _separated(_nodes(connection, include_missing))
    yield b'\n],\n"links":['
    yield from _separated(_links(connection, include_missing))
    yield b"\n]}\n"


def _nodes(connection: sqlite3.Connection, include_missing: bool) -> Iterator[dict[str, Any]]:
    fields = ("id", "title", "summary", "fingerprint", "wikidata")
    for row in connection.execute(f"SELECT {', '.join(fields)} FROM articles WHERE live ORDER BY id"):
        yield dict(zip(fields, row, strict=True))
    if not include_missing:
        return
    rows = connection.execute(
        f"SELECT s.name, n0.name FROM names AS n0 {RESOLVE_JOINS} JOIN sources AS s ON s.id = n0.source"
        f" WHERE {RESOLVE_COLUMN} IS NULL AND EXISTS (SELECT 1 FROM links AS l JOIN articles AS a"
        " ON a.key = l.article WHERE l.target = n0.id AND a.live)"
    )
    for source, name in rows:
        node = dict.fromkeys(fields) | {"id": article_id(source, name), "title": name, "missing": True}
        yield node


def _links(connection: sqlite3.Connection, include_missing: bool) -> Iterator[dict[str, Any]]:
    leading = "" if include_missing else "AND (n0.article IS NOT NULL OR n0.redirect IS NOT NULL)"
    # CROSS JOIN keeps the order of the tables, and so of the rows: by linking article.
    rows = connection.execute(
        f"SELECT a.id, t.id, rel.name, s.name, n0.name FROM links AS l CROSS JOIN articles AS a ON a.key = l.article"
        f" CROSS JOIN relations AS rel ON rel.id = l.relation CROSS JOIN names AS n0 ON n0.id = l.target"
        f" CROSS JOIN sources AS s ON s.id = n0.source {RESOLVE_JOINS}"
        f" LEFT JOIN articles AS t ON t.key = {RESOLVE_COLUMN} WHERE a.live {leading} ORDER BY l.article"
    )
    for source, group in groupby(rows, key=lambda row: row[0]):
        relations: dict[str, set[str]] = {}
        for _, target, relation, target_source, name in group:
            if target is None and include_missing:
                target = article_id(target_source, name)
            if target is not None and target != source:
                relations.setdefault(target, set()).add(relation)
        for target in sorted(relations):
            yield {"source": source, "target": target, "relations": sorted(relations[target])}


def _separated(items: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    separator = b"\n"
    for item in items:
        yield separator + _encode(item)
        separator = b",\n"


def _chunked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
