"""Gaps, in memory."""

from __future__ import annotations

from itertools import count
from typing import Annotated, Any

from fastapi import APIRouter, Request

from lumina_sdk.contract import Gap, Gaps, GapState, GapStep, GapUpdate, NewGap, Scope
from lumina_sdk.errors import Conflict, InvalidInput, NotFound
from lumina_sdk.testing.clock import FakeClock
from lumina_sdk.testing.fake_hub.access import FakePrincipal, needs

__all__ = ["FakeGaps", "router"]

Reading = Annotated[FakePrincipal, needs(Scope.READ_GAPS)]
Writing = Annotated[FakePrincipal, needs(Scope.WRITE_GAPS)]
router = APIRouter()


class FakeGaps:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._gaps: dict[str, Gap] = {}

    def report(self, by: str, request: NewGap) -> Gap:
        now = self._clock()
        for gap in self._gaps.values():
            if gap.question == request.question and not gap.state.is_final:
                met = gap.model_copy(update={"seen": gap.seen + 1, "priority": gap.priority + 1, "updated_at": now})
                self._gaps[gap.id] = met
                return met
        gap = Gap(
            id=f"gap_{next(self._numbers):012x}",
            question=request.question,
            reason=request.reason,
            state=GapState.OPEN,
            topics=request.topics,
            confidence=request.confidence,
            priority=1 - (request.confidence or 0),
            opened_at=now,
            updated_at=now,
            turn=request.turn,
            history=(GapStep(state=GapState.OPEN, ts=now, by=by),),
        )
        self._gaps[gap.id] = gap
        return gap

    def get(self, gap_id: str) -> Gap:
        if gap_id not in self._gaps:
            raise NotFound(f"There is no gap {gap_id!r}.")
        return self._gaps[gap_id]

    def update(self, by: str, gap_id: str, request: GapUpdate) -> Gap:
        gap, now = self.get(gap_id), self._clock()
        if request.state not in gap.state.next_states:
            raise Conflict(f"A gap that is {gap.state} does not become {request.state}.")
        if request.state is GapState.CLOSED and request.turn is None:
            raise InvalidInput("A gap closes with the turn whose answer cites.", hint="Give its id as turn.")
        changes: dict[str, Any] = {
            "state": request.state,
            "updated_at": now,
            "articles": (*gap.articles, *request.articles),
            "history": (*gap.history, GapStep(state=request.state, ts=now, by=by, note=request.note)),
        }
        if request.topics is not None:
            changes["topics"] = request.topics
        if request.turn is not None:
            changes["closing_turn"] = request.turn
        self._gaps[gap_id] = gap.model_copy(update=changes)
        return self._gaps[gap_id]

    def all(self, state: GapState | None) -> list[Gap]:
        chosen = [gap for gap in self._gaps.values() if state in (None, gap.state)]
        return sorted(chosen, key=lambda gap: (-gap.priority, gap.id))


def _gaps(request: Request) -> FakeGaps:
    gaps: FakeGaps = request.app.state.hub.gaps
    return gaps


@router.post("/api/v1/gaps", status_code=201)
async def report_gap(body: NewGap, principal: Writing, request: Request) -> Gap:
    return _gaps(request).report(principal.id, body)


@router.get("/api/v1/gaps")
async def list_gaps(
    principal: Reading, request: Request, state: GapState | None = None, limit: int = 50, after: str | None = None
) -> Gaps:
    found = _gaps(request).all(state)
    begin = 1 + [gap.id for gap in found].index(after) if after else 0
    page = found[begin : begin + limit]
    return Gaps(gaps=tuple(page), after=page[-1].id if len(found) > begin + limit else None)


@router.get("/api/v1/gaps/{gap_id}")
async def read_gap(gap_id: str, principal: Reading, request: Request) -> Gap:
    return _gaps(request).get(gap_id)


@router.patch("/api/v1/gaps/{gap_id}")
async def update_gap(gap_id: str, body: GapUpdate, principal: Writing, request: Request) -> Gap:
    return _gaps(request).update(principal.id, gap_id, body)
