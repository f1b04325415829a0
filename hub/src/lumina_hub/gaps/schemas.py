"""Gaps between the core and the wire."""

from __future__ import annotations

from lumina_core.gaps.records import Gap as CoreGap
from lumina_sdk.contract import Gap, GapReason, GapState, GapStep

__all__ = ["gap_out"]


def gap_out(gap: CoreGap) -> Gap:
    return Gap(
        id=gap.id,
        question=gap.question,
        reason=GapReason(gap.reason.value),
        state=GapState(gap.state.value),
        topics=gap.topics,
        confidence=gap.confidence,
        priority=gap.priority,
        seen=gap.seen,
        opened_at=gap.opened_at,
        updated_at=gap.updated_at,
        turn=gap.turn,
        closing_turn=gap.closing_turn,
        articles=gap.articles,
        history=tuple(
            GapStep(state=GapState(step.state.value), ts=step.ts, by=step.by, note=step.note) for step in gap.history
        ),
    )
