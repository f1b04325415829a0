"""Gaps, and their life."""

from __future__ import annotations

import pytest

from lumina_sdk.contract import GapReason, GapState, GapUpdate, NewGap
from lumina_sdk.errors import Conflict, NotFound, Refusal
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["GapsContract"]

SCOPES = ("read:gaps", "write:gaps")


class GapsContract:
    async def test_a_gap_opens_with_its_question(self, hub: HubUnderTest) -> None:
        gaps = hub.client("module:tested", SCOPES).gaps
        new = NewGap(question="Who was Ada?", reason=GapReason.LOW_CONFIDENCE, topics=("Ada Lovelace",), confidence=0.1)

        gap = await gaps.report(new)

        assert gap == await gaps.get(gap.id)
        assert (gap.question, gap.reason, gap.state) == (new.question, new.reason, GapState.OPEN)
        assert (gap.topics, gap.confidence, gap.seen) == (new.topics, 0.1, 1)
        assert [(step.state, step.by) for step in gap.history] == [(GapState.OPEN, "module:tested")]

    async def test_a_question_met_again_is_the_same_gap(self, hub: HubUnderTest) -> None:
        gaps = hub.client("module:tested", SCOPES).gaps
        gap = await gaps.report(NewGap(question="Who was Ada?"))

        again = await gaps.report(NewGap(question="Who was Ada?"))

        assert (again.id, again.seen) == (gap.id, 2)
        assert len((await gaps.list()).gaps) == 1

    async def test_a_gap_goes_through_its_life_and_closes_with_the_turn_that_cites(self, hub: HubUnderTest) -> None:
        gaps = hub.client("module:tested", SCOPES).gaps
        gap = await gaps.report(NewGap(question="Who was Ada?"))
        for state in (GapState.QUEUED, GapState.CRAWLED, GapState.INDEXED):
            gap = await gaps.update(gap.id, GapUpdate(state=state, note=f"now {state}", articles=(f"art_{state}",)))
            assert gap.state is state

        with pytest.raises(Refusal):
            await gaps.update(gap.id, GapUpdate(state=GapState.CLOSED))
        closed = await gaps.update(gap.id, GapUpdate(state=GapState.CLOSED, turn="chat_1"))

        assert closed.closing_turn == "chat_1"
        assert [step.state for step in closed.history] == ["open", "queued", "crawled", "indexed", "closed"]
        assert len(closed.articles) == 3

    async def test_a_step_that_cannot_follow_is_refused(self, hub: HubUnderTest) -> None:
        gaps = hub.client("module:tested", SCOPES).gaps
        gap = await gaps.report(NewGap(question="Who was Ada?"))

        with pytest.raises(Conflict):
            await gaps.update(gap.id, GapUpdate(state=GapState.INDEXED))
        await gaps.update(gap.id, GapUpdate(state=GapState.UNFILLABLE))
        with pytest.raises(Conflict):
            await gaps.update(gap.id, GapUpdate(state=GapState.OPEN))

    async def test_gaps_are_listed_by_state(self, hub: HubUnderTest) -> None:
        gaps = hub.client("module:tested", SCOPES).gaps
        ids = [(await gaps.report(NewGap(question=f"Who was {n}?"))).id for n in range(3)]
        await gaps.update(ids[1], GapUpdate(state=GapState.QUEUED))

        assert {gap.id for gap in (await gaps.list(state=GapState.OPEN)).gaps} == {ids[0], ids[2]}
        page = await gaps.list(limit=2)
        rest = await gaps.list(limit=2, after=page.after)
        assert {gap.id for gap in (*page.gaps, *rest.gaps)} == set(ids)

    async def test_an_unknown_gap_is_not_there(self, hub: HubUnderTest) -> None:
        gaps = hub.client("module:tested", SCOPES).gaps

        with pytest.raises(NotFound):
            await gaps.get("gap_unknown")
        with pytest.raises(NotFound):
            await gaps.update("gap_unknown", GapUpdate(state=GapState.QUEUED))
