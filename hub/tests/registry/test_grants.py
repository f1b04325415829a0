"""What the owner's decisions mean for a version."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lumina_hub.registry.grants import Grant, decide, with_grant
from lumina_sdk.contract import ScopeSet
from lumina_sdk.contract.manifest import Manifest

SCOPES = st.lists(
    st.sampled_from(
        "read:graph write:graph read:events read:events!stream=a read:events!stream=b use:llm use:network".split()
    ),
    unique=True,
).map(tuple)


def manifest(*permissions: str, version: str = "1.0.0") -> Manifest:
    return Manifest.model_validate(
        {
            "name": "almanac",
            "version": version,
            "description": "Days.",
            "api_version": "1.0",
            "permissions": permissions,
            "scopes": [{"name": "read:almanac", "description": "Read days."}],
            "entrypoint": "lumina_almanac.app:module",
        }
    )


def grant(asked: tuple[str, ...], scopes: tuple[str, ...], version: str = "1.0.0", at: float = 1.0) -> Grant:
    return Grant(version=version, asked=asked, scopes=scopes, by="owner", at=at)


@given(SCOPES, SCOPES, SCOPES)
def test_nothing_is_allowed_that_was_not_both_asked_for_and_granted(asks, asked, scopes):
    allowed = decide(manifest(*asks), [grant(asked, scopes)]).allowed

    assert allowed <= ScopeSet((*asks, "read:almanac"))
    assert allowed <= ScopeSet((*scopes, "read:almanac"))


@given(SCOPES, SCOPES)
def test_a_version_that_was_decided_on_does_not_wait(asks, scopes):
    assert decide(manifest(*asks), [grant(asks, scopes)]).undecided == ()


@given(SCOPES, SCOPES, SCOPES)
def test_a_version_that_asks_for_no_more_goes_on(asks, asked, scopes):
    decision = decide(manifest(*asks, version="2.0.0"), [grant(asked, scopes)])

    assert (decision.undecided == ()) == (ScopeSet(asks) <= ScopeSet(asked))


@given(SCOPES, SCOPES)
def test_what_is_undecided_is_withheld(asks, asked):
    decision = decide(manifest(*asks), [grant(asked, asked)])

    assert set(decision.undecided) <= set(decision.withheld)


def test_without_a_decision_a_module_may_do_nothing_but_what_is_its_own():
    decision = decide(manifest("read:graph"), [])

    assert list(decision.allowed) == ["read:almanac"]
    assert decision.undecided == decision.withheld == ("read:graph",)


def test_what_was_withheld_is_not_asked_for_again():
    asked = ("read:graph", "use:network")
    decision = decide(manifest(*asked, version="1.1.0"), [grant(asked, ("read:graph",))])

    assert decision.undecided == ()
    assert decision.withheld == ("use:network",)


def test_an_older_version_gets_back_what_was_decided_for_it():
    grants = [grant(("read:graph",), ("read:graph",)), grant(("use:llm",), ("use:llm",), "2.0.0", at=2.0)]

    assert list(decide(manifest("read:graph"), grants).allowed) == ["read:almanac", "read:graph"]


def test_a_manifest_that_asks_for_more_under_the_same_version_waits():
    assert decide(manifest("read:graph", "use:llm"), [grant(("read:graph",), ("read:graph",))]).undecided == (
        "use:llm",
    )


def test_a_second_decision_on_a_version_replaces_the_first():
    first, second = grant(("read:graph",), ()), grant(("read:graph",), ("read:graph",), at=2.0)

    assert with_grant(with_grant((), first), second) == (second,)
