"""Which facts mean which state."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumina_hub.registry.states import Facts, state_of, why
from lumina_sdk.contract import ModuleState

FACTS = st.builds(
    Facts,
    faults=st.sampled_from([None, (), ("it needs nowhere, which is not there",)]),
    undecided=st.sampled_from([(), ("read:graph",)]),
    switched=st.sampled_from([None, True, False]),
    ailment=st.sampled_from(["", "it is starting"]),
)


@given(FACTS)
def test_a_module_serves_only_if_it_is_sound_decided_on_and_switched_on(facts):
    assert state_of(facts).serves == (facts.faults == () and not facts.undecided and facts.switched is True)


@given(FACTS)
def test_only_an_active_module_needs_no_reason(facts):
    assert (why(facts) == "") == (state_of(facts) is ModuleState.ACTIVE)


def test_a_module_goes_its_way():
    facts = [
        Facts(),
        Facts(faults=(), undecided=("read:graph",)),
        Facts(faults=()),
        Facts(faults=(), switched=True),
        Facts(faults=(), switched=True, ailment="it crashed"),
        Facts(faults=(), switched=False),
    ]

    assert [state_of(it).value for it in facts] == [
        "discovered",
        "validated",
        "granted",
        "active",
        "degraded",
        "disabled",
    ]


def test_a_version_that_asks_for_more_waits_if_it_is_wanted():
    facts = Facts(faults=(), undecided=("use:llm",), switched=True)

    assert state_of(facts) is ModuleState.WAITING_FOR_GRANTS
    assert why(facts) == "nobody decided yet whether it may use:llm"


def test_a_fault_outweighs_everything_else():
    facts = Facts(faults=("it is broken", "and late"), undecided=("use:llm",), switched=True, ailment="it crashed")

    assert state_of(facts) is ModuleState.INVALID
    assert why(facts) == "it is broken; and late"
