from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_sdk.contract import InvalidScope, Scope, ScopeSet

values = st.sampled_from(["a", "graph:add", "crawl:queue"])
whole = st.sampled_from([*map(str, Scope), "read:almanac", "admin:almanac", "write:home-security.alarms"])
narrowed = st.builds(
    lambda scope, value: scope.narrowed(value), st.sampled_from([s for s in Scope if s.filter_key]), values
)
scopes = st.one_of(whole, narrowed)
sets = st.builds(ScopeSet, st.lists(scopes, max_size=6))


@given(sets)
def test_expanding_is_idempotent(some: ScopeSet) -> None:
    assert ScopeSet(some.expanded).expanded == some.expanded
    assert ScopeSet(some.expanded) == some


@given(sets, sets)
def test_expanding_is_monotone(some: ScopeSet, more: ScopeSet) -> None:
    assert some <= some | more
    assert all((some | more).covers(scope) for scope in some.expanded)


@given(sets, scopes)
def test_what_is_granted_is_covered_and_with_it_every_narrowing(some: ScopeSet, scope: str) -> None:
    with_it = some | ScopeSet([scope])

    assert scope in with_it


@given(sets, st.sampled_from([scope for scope in Scope if scope.filter_key]), values)
def test_a_scope_that_is_covered_whole_is_covered_in_every_narrowing(some: ScopeSet, scope: Scope, value: str) -> None:
    assert scope.narrowed(value) in some | ScopeSet([scope])


@given(sets, sets, scopes)
def test_an_intersection_covers_what_both_cover_and_nothing_else(one: ScopeSet, other: ScopeSet, needed: str) -> None:
    assert (one & other).covers(needed) == (one.covers(needed) and other.covers(needed))


@given(sets, sets, scopes)
def test_a_union_covers_what_either_covers_and_nothing_else(one: ScopeSet, other: ScopeSet, needed: str) -> None:
    assert (one | other).covers(needed) == (one.covers(needed) or other.covers(needed))


@given(sets, sets)
def test_the_effective_scopes_exceed_neither_side(one: ScopeSet, other: ScopeSet) -> None:
    effective = one & other

    assert effective <= one
    assert effective <= other
    assert all(one.covers(scope) and other.covers(scope) for scope in effective.expanded)


@given(sets, sets, sets)
def test_intersecting_is_commutative_associative_and_idempotent(a: ScopeSet, b: ScopeSet, c: ScopeSet) -> None:
    assert a & b == b & a
    assert (a & b) & c == a & (b & c)
    assert a & a == a


@given(sets, sets)
def test_equal_sets_allow_the_same_and_hash_the_same(a: ScopeSet, b: ScopeSet) -> None:
    assert (a == b) == (a <= b and b <= a)
    if a == b:
        assert hash(a) == hash(b)


@given(sets, st.frozensets(scopes, max_size=4))
def test_covering_all_is_covering_each_and_missing_nothing(some: ScopeSet, needed: frozenset[str]) -> None:
    assert some.covers_all(needed) == all(scope in some for scope in needed) == (not some.missing(needed))


@given(sets)
def test_a_set_survives_being_written_and_pickled(some: ScopeSet) -> None:
    assert ScopeSet.parse(str(some)).granted == some.granted
    assert pickle.loads(pickle.dumps(some)) == some  # noqa: S301 - our own bytes


@given(scopes)
def test_the_hubs_administrator_may_do_everything_also_what_a_module_declared(needed: str) -> None:
    assert ScopeSet([Scope.ADMIN_HUB]).covers(needed)
    assert ScopeSet([Scope.ADMIN_HUB]).is_everything


@given(scopes)
def test_the_empty_set_covers_nothing(needed: str) -> None:
    assert not ScopeSet().covers(needed)


def test_writing_does_not_imply_reading() -> None:
    assert ScopeSet(["write:graph"]).missing(["read:graph", "write:graph"]) == ("read:graph",)


def test_administering_modules_implies_seeing_them_and_no_more() -> None:
    assert ScopeSet(["admin:modules"]).expanded == {"admin:modules", "read:modules"}


def test_two_different_narrowings_have_nothing_in_common() -> None:
    assert not ScopeSet(["read:events!stream=a"]) & ScopeSet(["read:events!stream=b"])


def test_a_narrowing_is_part_of_its_scope_and_not_all_of_it() -> None:
    some = ScopeSet(["read:events!stream=a"])

    assert some.covers_part(Scope.READ_EVENTS)
    assert not some.covers(Scope.READ_EVENTS)
    assert not some.covers_part(Scope.WRITE_EVENTS)
    assert ScopeSet(["admin:hub"]).covers_part(Scope.READ_EVENTS)


def test_a_set_keeps_what_was_granted_apart_from_what_that_implies() -> None:
    some = ScopeSet(["admin:modules", "read:events", "read:events!stream=a"])

    assert list(some) == ["admin:modules", "read:events", "read:events!stream=a"]
    assert some.expanded == {"admin:modules", "read:modules", "read:events"}


def test_a_set_does_not_change() -> None:
    with pytest.raises(AttributeError):
        ScopeSet().granted = frozenset({"admin:hub"})


def test_a_set_refuses_what_is_no_scope() -> None:
    with pytest.raises(InvalidScope, match="'read_graph'"):
        ScopeSet(["read_graph"])
