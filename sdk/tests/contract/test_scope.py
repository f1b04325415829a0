from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from lumina_sdk.contract import InvalidScope, Scope, ScopeText, parse_scope


@pytest.mark.parametrize("scope", sorted(Scope))
def test_every_core_scope_is_well_formed_and_explained(scope: Scope) -> None:
    assert parse_scope(scope).is_core
    assert scope.sentence.endswith(".")


def test_a_narrowed_scope_is_taken_apart() -> None:
    parsed = parse_scope("read:events!stream=graph:add")

    assert (parsed.name, parsed.action, parsed.resource) == ("read:events", "read", "events")
    assert (parsed.key, parsed.value) == ("stream", "graph:add")


def test_a_core_scope_is_narrowed_by_its_own_filter() -> None:
    assert Scope.READ_QUEUES.narrowed("crawl:queue") == "read:queues!queue=crawl:queue"


@pytest.mark.parametrize("scope", [Scope.CHAT, Scope.READ_GRAPH, Scope.ADMIN_HUB])
def test_a_scope_without_a_filter_is_granted_whole_or_not_at_all(scope: Scope) -> None:
    with pytest.raises(InvalidScope, match="cannot be narrowed"):
        scope.narrowed("a")


@pytest.mark.parametrize("text", ["read:almanac", "write:home-security.alarms", "admin:almanac"])
def test_a_scope_the_core_does_not_know_may_be_a_modules(text: str) -> None:
    assert not parse_scope(text).is_core


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no action"),
        ("graph", "has no action"),
        ("read_graph", "Did you mean 'read:graph'"),
        ("reads:graph", "Actions are read, write, use, admin"),
        ("read:", "in lower case"),
        ("read:Graph", "Did you mean 'read:graph'"),
        ("read:graph write:graph", "in lower case"),
        ("read:a..b", "in lower case"),
        ("Chat", "Did you mean 'chat'"),
        ("chat!a=b", "Write 'chat'"),
        ("read:graph!article=a", "Write 'read:graph'"),
        ("read:almanac!day=1", "cannot be narrowed"),
        ("read:events!queue=a", "Write 'read:events!stream=…'"),
        ("read:events!", "Write 'read:events!stream=…'"),
        ("read:events!stream", "without a value"),
        ("read:events!stream=", "without a value"),
        ("read:events!stream=a b", "usable value"),
        ("read:events!stream=a!b", "usable value"),
        ("read:" + "a" * 129, "in lower case"),
    ],
)
def test_what_is_no_scope_is_refused_with_what_to_write_instead(text: str, says: str) -> None:
    with pytest.raises(InvalidScope) as caught:
        parse_scope(text)

    assert says in str(caught.value)
    assert caught.value.hint.endswith((".", "?"))


def test_a_wire_model_refuses_it_with_the_same_words() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(ScopeText).validate_python("read_graph")

    (error,) = caught.value.errors()
    assert error["msg"] == "the scope 'read_graph' has no action"
    assert "Did you mean" in error["ctx"]["hint"]
