"""`lumina graph`: what the log holds, how it changed, and going back."""

from __future__ import annotations

import re
import sys
from contextlib import aclosing, suppress
from pathlib import Path
from urllib.parse import quote

from rich.markup import escape
from rich.table import Table

from lumina_hub.cli.connection import HubConnection, connect
from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, moment, note, print_raw_json
from lumina_sdk.contract import (
    ArticleDetail,
    ArticleDiff,
    ArticleRevisions,
    Articles,
    GraphLogEntries,
    RecoveryPoint,
    RecoveryPoints,
    RestoreResult,
)

__all__ = ["diff", "export", "log", "points", "restore", "save", "show"]

_GRAPH = "/api/v1/graph"
_ARTICLE_ID = re.compile(r"art_[0-9a-f]{12}")


async def log(said: Globals, *, limit: int, kind: str | None) -> None:
    async with connect(said) as hub:
        body = await hub.get(f"{_GRAPH}/log", limit=limit, kind=kind)
    if said.json:
        print_raw_json(body)
        return
    entries = GraphLogEntries.model_validate_json(body).entries
    if not entries:
        data().print("The log is empty.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("time", "event", "id", "title", "revision"):
        table.add_column(column, overflow="fold", no_wrap=column == "time")
    for entry in entries:
        when = entry.day if entry.ts is None else moment(entry.ts)
        table.add_row(when, entry.event, entry.id or "", escape(entry.title or ""), _short(entry.revision or ""))
    data().print(table)


async def diff(said: Globals, article: str, *, older: str | None, newer: str | None) -> None:
    """Without revisions, what the newest one changed."""
    async with connect(said) as hub:
        path = await _path(hub, article)
        if older is None or newer is None:
            known = ArticleRevisions.model_validate_json(await hub.get(f"{path}/revisions")).revisions
            if len(known) < 2 and older is None:
                raise Failure(f"{article!r} has one revision, {known[0].revision}: there is nothing to compare.")
            newer = newer or known[-1].revision
            older = older or _before(newer, [each.revision for each in known])
        body = await hub.get(f"{path}/diff", **{"from": older, "to": newer})
    if said.json:
        print_raw_json(body)
        return
    for line in ArticleDiff.model_validate_json(body).diff.splitlines():
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        data().print(f"[{colour}]{escape(line)}[/]" if colour else escape(line))


async def show(said: Globals, article: str, *, revision: str | None) -> None:
    async with connect(said) as hub:
        body = await hub.get(await _path(hub, article), revision=revision)
    if said.json:
        print_raw_json(body)
        return
    found = ArticleDetail.model_validate_json(body)
    facts = [found.id, f"revision {found.revision}", moment(found.ts), found.url, found.wikidata or ""]
    data().print(f"[bold]{escape(found.title)}[/]")
    data().print("[dim]" + escape(" · ".join(fact for fact in facts if fact)) + "[/]\n")
    data().print(found.text, markup=False)


async def restore(said: Globals, name: str, revision: str | None) -> None:
    """With a revision, one article goes back to it; without, the whole graph to the recovery point of that name."""
    async with connect(said) as hub:
        if revision is None:
            body = await hub.post(f"{_GRAPH}/restore", {"point": name})
        else:
            body = await hub.post(f"{await _path(hub, name)}/restore", {"revision": revision})
    if said.json:
        print_raw_json(body)
        return
    result = RestoreResult.model_validate_json(body)
    removed = f", {result.deleted:,} removed" if result.deleted else ""
    data().print(f"{result.restored:,} brought back{removed}. The states in between stay in the log.")


async def points(said: Globals) -> None:
    async with connect(said) as hub:
        body = await hub.get(f"{_GRAPH}/recovery-points")
    if said.json:
        print_raw_json(body)
        return
    known = RecoveryPoints.model_validate_json(body).points
    if not known:
        data().print('No recovery points yet. Make one with: lumina graph save "before the clean-up"')
    for point in known:
        data().print(f"[dim]{moment(point.ts)}[/]  {escape(point.name)}")


async def save(said: Globals, name: str) -> None:
    async with connect(said) as hub:
        body = await hub.post(f"{_GRAPH}/recovery-points", {"name": name})
    if said.json:
        print_raw_json(body)
        return
    point = RecoveryPoint.model_validate_json(body)
    data().print(f"Saved {point.name!r}. Go back to it with: lumina graph restore {point.name!r}", markup=False)


async def export(said: Globals, out: Path | None) -> None:
    """Stream node-link JSON to stdout, or to a file that appears whole or not at all."""
    async with connect(said) as hub, aclosing(hub.stream(f"{_GRAPH}/export")) as pieces:
        if out is None:
            async for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        unfinished = out.with_name(out.name + ".part")
        try:
            with unfinished.open("wb") as file:
                async for piece in pieces:
                    file.write(piece)
            unfinished.replace(out)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
    note(f"Wrote {out}.")


async def _path(hub: HubConnection, article: str) -> str:
    """The route of an article named by id or by title."""
    if _ARTICLE_ID.fullmatch(article):
        return f"{_GRAPH}/articles/{article}"
    found = Articles.model_validate_json(await hub.get(f"{_GRAPH}/articles", title=article, limit=20)).articles
    same = [each for each in found if each.title.casefold() == article.casefold()] or list(
        found[:1] if len(found) == 1 else ()
    )
    if not same:
        near = ", ".join(repr(each.title) for each in found[:5])
        raise Failure(
            f"There is no article {article!r}.",
            hint=f"Did you mean {near}?" if near else "`lumina search` finds articles by what they say.",
        )
    return f"{_GRAPH}/articles/{quote(same[0].id)}"


def _before(revision: str, known: list[str]) -> str:
    place = known.index(revision) if revision in known else 0
    if place == 0:
        raise Failure(
            f"There is no revision before {revision!r}.",
            hint=f"Known, oldest first: {', '.join(known[:10])}. Name two with --from and --to.",
            status=MISUSED,
        )
    return known[place - 1]


def _short(revision: str) -> str:
    return revision if len(revision) <= 16 else revision[:12] + "…"
