"""Gaps: reported, listed, taken on in their lives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from lumina_core.gaps.book import GapBook
from lumina_core.gaps.records import GapReason
from lumina_core.gaps.records import GapState as CoreState
from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.gaps.schemas import gap_out
from lumina_hub.parts import gap_book
from lumina_sdk.contract import Gap, Gaps, GapState, GapUpdate, NewGap, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["gaps"])
GapsRead = Annotated[Principal, requires(Scope.READ_GAPS)]
GapsWrite = Annotated[Principal, requires(Scope.WRITE_GAPS)]
Book = Annotated[GapBook, Depends(gap_book)]


@router.post("/api/v1/gaps", status_code=201)
async def report_gap(request: NewGap, principal: GapsWrite, gaps: Book) -> Gap:
    """Report what Lumina does not know. A gap of the same question that is alive is met again instead."""
    gap, _ = await gaps.report(
        request.question,
        by=principal.id,
        reason=GapReason(request.reason.value),
        topics=request.topics,
        turn=request.turn,
        confidence=request.confidence,
    )
    return gap_out(gap)


@router.get("/api/v1/gaps")
async def list_gaps(
    principal: GapsRead,
    gaps: Book,
    state: GapState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    after: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,12}$", description="The `after` of the page ahead of this one.")
    ] = None,
) -> Gaps:
    """List gaps, the most urgent first, in one state or in all."""
    found, following = await gaps.list(
        state=CoreState(state.value) if state is not None else None, limit=limit, after=after
    )
    return Gaps(gaps=tuple(map(gap_out, found)), after=following)


@router.get("/api/v1/gaps/{gap_id}")
async def read_gap(gap_id: str, principal: GapsRead, gaps: Book) -> Gap:
    """Return a gap with its history."""
    return gap_out(await gaps.get(gap_id))


@router.patch("/api/v1/gaps/{gap_id}")
async def update_gap(gap_id: str, update: GapUpdate, principal: GapsWrite, gaps: Book) -> Gap:
    """Take a gap on in its life. A step it does not allow is a 409 that names those it does; closing needs `turn`."""
    gap = await gaps.step(
        gap_id,
        CoreState(update.state.value),
        by=principal.id,
        note=update.note,
        topics=update.topics,
        articles=update.articles,
        turn=update.turn,
    )
    return gap_out(gap)
