"""The states things go through."""

from __future__ import annotations

import itertools

import pytest

from lumina_sdk.contract import (
    CoreStream,
    Gap,
    GapState,
    ModuleFinding,
    ModuleFindings,
    ModuleState,
    Severity,
    event_type,
)


@pytest.mark.parametrize("state", list(GapState))
def test_a_gap_that_is_not_at_its_end_can_be_given_up_and_one_that_is_stays(state: GapState) -> None:
    assert state.is_final == (not state.next_states)
    assert state.is_final or GapState.UNFILLABLE in state.next_states


def test_a_gap_goes_through_its_life_in_order() -> None:
    life = [GapState.OPEN, GapState.QUEUED, GapState.CRAWLED, GapState.INDEXED, GapState.CLOSED]

    assert all(later in earlier.next_states for earlier, later in itertools.pairwise(life))
    assert GapState.OPEN in GapState.INDEXED.next_states


def test_a_gap_is_the_same_after_the_wire() -> None:
    gap = Gap(id="g", question="?", reason="low_confidence", state="open", opened_at=1, updated_at=1)

    assert Gap.model_validate_json(gap.model_dump_json()) == gap


def test_the_streams_and_events_are_the_seeds() -> None:
    assert {stream: stream.event_type for stream in CoreStream} == {
        "crawl:req": "CRAWL_REQ",
        "graph:add": "GRAPH_ADD",
        "gap:req": "GAP_REQ",
        "think:note": "THINK_NOTE",
        "pad:compressed": "PAD_COMPRESSED",
        "qa:turn": "QA_TURN",
        "adapter:updated": "ADAPTER_UPDATED",
    }
    assert event_type("home-security:alarm") == "HOME_SECURITY_ALARM"


def test_a_module_serves_while_it_is_active_or_degraded() -> None:
    assert {state for state in ModuleState if state.serves} == {"active", "degraded"}


def test_a_warning_does_not_keep_a_module_from_running_and_an_error_does() -> None:
    warning = ModuleFinding(
        code="no-tests",
        severity=Severity.WARNING,
        path="tests",
        line=None,
        message="There are no tests.",
        hint="Add one.",
    )
    error = warning.model_copy(update={"severity": Severity.ERROR, "path": "manifest.yml", "line": 3})

    assert ModuleFindings(module="a", findings=(warning,)).ok
    assert not ModuleFindings(module="a", findings=(warning, error)).ok
    assert str(error) == "manifest.yml:3: error: There are no tests. [no-tests] Add one."
